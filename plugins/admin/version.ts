/** The version of this package; a test compares it with `package.json`. */
export const ZOOKIT_VERSION = "0.1.0";

const BUILT = "built on 2026-11-22 00:00 UTC";

/**
 * What `srvr` and `mntr` call the version. It begins as Apache's does, since tools decide by it
 * which figures to expect: the release whose protocol and names are spoken here.
 */
export const SERVER_VERSION: string = `3.9.5-zookit-${ZOOKIT_VERSION}, ${BUILT}`;
