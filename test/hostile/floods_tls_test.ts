// The same attacks by TLS, with a certificate.
process.env.ZOOKIT_HOSTILE_TLS = "1";
await import("./floods_test.ts");

export {};
