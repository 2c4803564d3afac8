import { OPCODES } from "../wire/opcodes.ts";

/** How a request of some type is treated. */
export const ROUTE = {
  /** Unknown: answered -6 and the connection closed. */
  refused: 0,
  /** Answered from the local tree, in its place. */
  read: 1,
  /** Goes through consensus. */
  write: 2,
  sync: 3,
  /** Executed alone: nothing after it is looked at before. */
  barrier: 4,
  close: 5,
} as const;

/** {@link ROUTE} by request type; types outside the table are refused. */
const ROUTES = makeRoutes();

function makeRoutes(): Uint8Array {
  const routes = new Uint8Array(128);
  const set = (route: number, ...types: number[]): void => {
    for (const type of types) routes[type] = route;
  };
  const o = OPCODES;
  set(ROUTE.read, o.exists, o.getData, o.getAcl, o.getChildren, o.getChildren2, o.ping);
  set(ROUTE.read, o.checkWatches, o.removeWatches, o.multiRead, o.setWatches, o.setWatches2);
  set(ROUTE.read, o.getEphemerals, o.getAllChildrenNumber, o.addWatch, o.whoAmI);
  set(ROUTE.write, o.create, o.create2, o.createContainer, o.createTtl);
  set(ROUTE.write, o.delete, o.setData, o.setAcl, o.multi, o.reconfig);
  set(ROUTE.sync, o.sync);
  set(ROUTE.barrier, o.auth, o.sasl);
  // A bare check and a deleteContainer or createSession from a client are refused: the first kills
  // Java ensembles, the others are internal (CP 3, PP 2).
  return routes;
}

/** How a client's request of `type` is treated; one of {@link ROUTE}. */
export function routeOf(type: number): number {
  if (type === OPCODES.closeSession) return ROUTE.close;
  return type < 0 || type >= ROUTES.length ? ROUTE.refused : (ROUTES[type] as number);
}
