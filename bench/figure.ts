/**
 * Draws throughput against the share of reads, as the ZooKeeper paper does, from what
 * `npm run bench ensemble` wrote with `--json`.
 *
 * Run with `npx tsx bench/figure.ts picture.svg found.json [more.json ...]`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { RatioPoint } from "./ensemble_bench.ts";

const WIDTH = 860;
const HEIGHT = 460;
const PLOT = { left: 90, right: 570, top: 40, bottom: 400 };
const COLOURS: Readonly<Record<string, string>> = { apache: "#b5482f", zookit: "#1f6fb2" };
const NAMES: Readonly<Record<string, string>> = { apache: "Apache 3.8.0", zookit: "Zookit" };
const DASHES = ["", "7 4", "2 3"];
const FONT = 'font-family="sans-serif" font-size="13" fill="#333"';

function xOf(readPercent: number): number {
  return PLOT.left + ((PLOT.right - PLOT.left) * readPercent) / 100;
}

/** The scale is logarithmic: equal distances are equal ratios. */
function scaleOf(points: readonly RatioPoint[]): { y(value: number): number; ticks: number[] } {
  const values = points.map(({ perSecond }) => perSecond);
  const steps = [1, 2, 5].flatMap((step) => [3, 4, 5, 6, 7].map((power) => step * 10 ** power));
  const all = steps.sort((a, b) => a - b);
  const low = all.findLast((value) => value <= Math.min(...values)) ?? 1;
  const high = all.find((value) => value >= Math.max(...values)) ?? 1;
  const span = Math.log(high / low);
  const y = (value: number): number =>
    PLOT.bottom - ((PLOT.bottom - PLOT.top) * Math.log(value / low)) / span;
  const ticks = all.filter((value) => value >= low && value <= high);
  return { y, ticks };
}

function text(x: number, y: number, words: string, more = ""): string {
  return `<text x="${x}" y="${y}" ${FONT} ${more}>${words}</text>`;
}

function axes(ticks: readonly number[], y: (value: number) => number): string[] {
  const lines = ticks.flatMap((value) => [
    `<path d="M${PLOT.left} ${y(value).toFixed(1)}H${PLOT.right}" stroke="#ddd"/>`,
    text(
      PLOT.left - 8,
      Math.round(y(value)) + 4,
      value.toLocaleString("en-US"),
      'text-anchor="end"',
    ),
  ]);
  for (const percent of [0, 25, 50, 75, 90, 100]) {
    lines.push(text(xOf(percent), PLOT.bottom + 20, `${percent}`, 'text-anchor="middle"'));
  }
  const middle = (PLOT.left + PLOT.right) / 2;
  lines.push(text(middle, PLOT.bottom + 44, "getData, % of all requests", 'text-anchor="middle"'));
  lines.push(text(PLOT.left - 60, PLOT.top - 16, "requests/s"));
  return lines;
}

/** `3+2` in words. */
function shapeName(shape: string): string {
  const [voters, observers] = shape.split("+");
  return observers === undefined ? `${voters} servers` : `${voters} and ${observers} observers`;
}

function draw(points: readonly RatioPoint[]): string {
  const { y, ticks } = scaleOf(points);
  const shapes = [...new Set(points.map(({ shape }) => shape))];
  const products = [...new Set(points.map(({ product }) => product))].toReversed();
  const parts = axes(ticks, y);
  let row = 0;
  for (const product of products) {
    for (const [index, shape] of shapes.entries()) {
      const line = points.filter((point) => point.product === product && point.shape === shape);
      if (line.length === 0) continue;
      const dash = DASHES[index] ? ` stroke-dasharray="${DASHES[index]}"` : "";
      const style = `fill="none" stroke="${COLOURS[product]}" stroke-width="2"${dash}`;
      const at = line.map(({ readPercent, perSecond }) => {
        return `${xOf(readPercent).toFixed(1)},${y(perSecond).toFixed(1)}`;
      });
      parts.push(`<polyline points="${at.join(" ")}" ${style}/>`);
      const legendY = PLOT.top + 20 * row;
      const from = PLOT.right + 16;
      parts.push(`<path d="M${from} ${legendY}h30" ${style}/>`);
      parts.push(text(from + 38, legendY + 4, `${NAMES[product]}, ${shapeName(shape)}`));
      row += 1;
    }
  }
  const size = `width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"`;
  const ground = `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`;
  const title = "<title>Requests a second against the share of reads</title>";
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size}>`;
  const lines = [open, title, ground, ...parts, "</svg>"];
  return `${lines.join("\n")}\n`;
}

const [picture, ...files] = process.argv.slice(2);
if (picture === undefined || files.length === 0) throw new Error("name a picture and its data");
const found = files.flatMap((file) => {
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly points: RatioPoint[] }).points;
});
writeFileSync(picture, draw(found));
