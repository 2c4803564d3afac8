/** Turns measurements into rows, and rows into a table. */

/** How far the generator must be able to pass a figure for it to be printed. */
const ROOF_RATIO_MIN = 1.5;

/** One line of the report. Values are medians over the rounds; ratios were taken pair by pair. */
export interface Row {
  readonly workload: string;
  readonly figure: string;
  readonly apache?: number;
  readonly zookit?: number;
  /** Zookit by Apache: median, lowest and highest. */
  readonly ratio?: readonly [median: number, lowest: number, highest: number];
  readonly goal?: number;
  /** What Zookit's own figure shall not pass. */
  readonly limit?: number;
  readonly isGoalMet?: boolean;
  /** The same figure of the constant-answer server on the runtime under test. */
  readonly runtimeRoof?: number;
  /** The same figure of the constant-answer server in C. */
  readonly generatorRoof?: number;
  /** Why there are no figures. */
  readonly refusal?: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** Why figures are not to be printed; undefined when a roof is far enough above all of them. */
export function roofRefusal(reached: number, figures: readonly number[]): string | undefined {
  const highest = Math.max(...figures);
  if (reached >= ROOF_RATIO_MIN * highest) return undefined;
  const [roof, figure] = [reached, highest].map((value) => Math.round(value));
  return `refused: the generator reaches only ${roof}/s, ${ROOF_RATIO_MIN} times ${figure} is due`;
}

/** What a row is about; a goal is a ratio, a limit a figure. */
export interface About {
  readonly workload: string;
  readonly figure: string;
  readonly better: "higher" | "lower";
  readonly goal?: number;
  readonly limit?: number;
}

/** Joins the rounds of both servers; either list may be empty when that server was left out. */
export function compare(about: About, apache: readonly number[], zookit: readonly number[]): Row {
  const { workload, figure, better, goal, limit } = about;
  const ratios = zookit.slice(0, apache.length).map((value, index) => value / apache[index]!);
  const ratio = median(ratios);
  const isMet = better === "higher" ? ratio >= (goal ?? 0) : ratio <= (goal ?? Infinity);
  return {
    workload,
    figure,
    ...(apache.length > 0 && { apache: median(apache) }),
    ...(zookit.length > 0 && { zookit: median(zookit) }),
    ...(ratios.length > 0 && { ratio: [ratio, Math.min(...ratios), Math.max(...ratios)] }),
    ...(goal !== undefined && { goal }),
    ...(goal !== undefined && ratios.length > 0 && { isGoalMet: isMet }),
    ...(limit !== undefined && { limit, isGoalMet: median(zookit) <= limit }),
  };
}

export function formatTable(rows: readonly Row[]): string {
  const heads = ["workload", "figure", "Apache", "Zookit", "ratio (lowest to highest)", "goal"];
  heads.push("roof, runtime", "roof, C");
  const cells = rows.map((row) => [
    row.workload,
    row.figure,
    row.refusal ?? formatNumber(row.apache),
    formatNumber(row.zookit),
    formatRatio(row),
    formatGoal(row),
    formatNumber(row.runtimeRoof),
    formatNumber(row.generatorRoof),
  ]);
  const all = [heads, heads.map(() => ""), ...cells];
  const widths = heads.map((_, column) => Math.max(...all.map((line) => line[column]!.length)));
  return all
    .map((line, index) => {
      const pad = index === 1 ? "-" : " ";
      const padded = line.map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column]!, pad) : cell.padStart(widths[column]!, pad),
      );
      return `| ${padded.join(" | ")} |`;
    })
    .join("\n");
}

function formatGoal({ goal, limit, isGoalMet }: Row): string {
  const verdict = isGoalMet === undefined ? "" : isGoalMet ? " met" : " missed";
  if (limit !== undefined) return `at most ${limit}${verdict}`;
  return goal === undefined ? "" : `${goal}${verdict}`;
}

function formatRatio(row: Row): string {
  if (row.ratio === undefined) return "";
  const [middle, lowest, highest] = row.ratio.map((value) => value.toFixed(2));
  return `${middle} (${lowest} to ${highest})`;
}

function formatNumber(value: number | undefined): string {
  if (value === undefined) return "";
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(value >= 10 ? 1 : 3);
}
