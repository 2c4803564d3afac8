import type { JuteWriter } from "../../core/wire/jute.ts";
import { OPCODES } from "../../core/wire/opcodes.ts";
import { type Acl, OPEN_ACL, writeAcls } from "../../core/wire/records.ts";
import type { Random } from "./random.ts";
import { request } from "./raw_client.ts";

/** Where everything happens that the corpus does. */
export const PLAYGROUND = "/h";

/** One kind of request, and how to make a valid one. */
export interface Kind {
  readonly name: string;
  readonly type: number;
  readonly body: (writer: JuteWriter, random: Random) => void;
}

function path(random: Random): string {
  const depth = random.below(3);
  let text = PLAYGROUND;
  for (let i = 0; i < depth; i++) text += `/n${random.below(6)}`;
  return text;
}

function acls(writer: JuteWriter, random: Random): void {
  const lists: (readonly Acl[])[] = [
    OPEN_ACL,
    OPEN_ACL,
    [{ perms: 31, scheme: "auth", id: "" }],
    [
      { perms: 1, scheme: "ip", id: "127.0.0.0/8" },
      { perms: 30, scheme: "digest", id: "a:b" },
    ],
  ];
  writeAcls(writer, random.pick(lists));
}

function create(writer: JuteWriter, random: Random, flags = [0, 1, 2, 3, 4]): void {
  writer.string(path(random));
  writer.buffer(random.bytes(random.below(40)));
  acls(writer, random);
  writer.int(random.pick(flags));
}

function setData(writer: JuteWriter, random: Random): void {
  writer.string(path(random));
  writer.buffer(random.below(4) === 0 ? null : random.bytes(random.below(40)));
  writer.int(random.pick([-1, -1, 0, 1]));
}

function versioned(writer: JuteWriter, random: Random): void {
  writer.string(path(random));
  writer.int(random.pick([-1, 0, 3]));
}

function watched(writer: JuteWriter, random: Random): void {
  writer.string(path(random));
  writer.boolean(random.below(2) === 0);
}

function multi(writer: JuteWriter, random: Random): void {
  const count = random.below(5);
  for (let i = 0; i < count; i++) {
    const [type, body] = random.pick([
      [OPCODES.create, create],
      [OPCODES.create2, create],
      [OPCODES.setData, setData],
      [OPCODES.delete, versioned],
      [OPCODES.check, versioned],
      [OPCODES.multi, multi],
    ] as const);
    multiHeader(writer, type);
    body(writer, random);
  }
  multiHeader(writer, -1, true);
}

function multiRead(writer: JuteWriter, random: Random): void {
  const count = random.below(4);
  for (let i = 0; i < count; i++) {
    multiHeader(writer, random.pick([OPCODES.getData, OPCODES.getChildren]));
    watched(writer, random);
  }
  multiHeader(writer, -1, true);
}

function multiHeader(writer: JuteWriter, type: number, done = false): void {
  writer.int(type);
  writer.boolean(done);
  writer.int(-1);
}

function watches(lists: number): Kind["body"] {
  return (writer, random) => {
    writer.long(random.pick([0, 5, 2 ** 40]));
    for (let list = 0; list < lists; list++) {
      writer.strings(Array.from({ length: random.below(4) }, () => path(random)));
    }
  };
}

function typed(writer: JuteWriter, random: Random): void {
  writer.string(path(random));
  writer.int(random.below(6));
}

const onlyPath: Kind["body"] = (writer, random) => writer.string(path(random));
const nothing: Kind["body"] = () => {};

/** Every request that a client may send, and those that it may not. */
export const KINDS: readonly Kind[] = [
  { name: "create", type: OPCODES.create, body: create },
  { name: "create2", type: OPCODES.create2, body: create },
  { name: "createContainer", type: OPCODES.createContainer, body: create },
  {
    name: "createTTL",
    type: OPCODES.createTtl,
    body: (writer, random) => {
      create(writer, random, [0, 5, 5, 6, 6]);
      writer.long(random.pick([-1, 1, 1000, 2 ** 41]));
    },
  },
  { name: "delete", type: OPCODES.delete, body: versioned },
  { name: "setData", type: OPCODES.setData, body: setData },
  {
    name: "setACL",
    type: OPCODES.setAcl,
    body: (writer, random) => {
      writer.string(path(random));
      acls(writer, random);
      writer.int(random.pick([-1, 0, 1]));
    },
  },
  { name: "multi", type: OPCODES.multi, body: multi },
  { name: "multiRead", type: OPCODES.multiRead, body: multiRead },
  { name: "check", type: OPCODES.check, body: versioned },
  {
    name: "reconfig",
    type: OPCODES.reconfig,
    body: (writer) => {
      for (let i = 0; i < 3; i++) writer.string("server.1=a:1:2");
      writer.long(-1);
    },
  },
  { name: "exists", type: OPCODES.exists, body: watched },
  { name: "getData", type: OPCODES.getData, body: watched },
  { name: "getChildren", type: OPCODES.getChildren, body: watched },
  { name: "getChildren2", type: OPCODES.getChildren2, body: watched },
  { name: "getACL", type: OPCODES.getAcl, body: onlyPath },
  { name: "getEphemerals", type: OPCODES.getEphemerals, body: onlyPath },
  { name: "getAllChildrenNumber", type: OPCODES.getAllChildrenNumber, body: onlyPath },
  { name: "sync", type: OPCODES.sync, body: onlyPath },
  { name: "ping", type: OPCODES.ping, body: nothing },
  { name: "whoAmI", type: OPCODES.whoAmI, body: nothing },
  { name: "addWatch", type: OPCODES.addWatch, body: typed },
  { name: "checkWatches", type: OPCODES.checkWatches, body: typed },
  { name: "removeWatches", type: OPCODES.removeWatches, body: typed },
  { name: "setWatches", type: OPCODES.setWatches, body: watches(3) },
  { name: "setWatches2", type: OPCODES.setWatches2, body: watches(5) },
  {
    name: "auth",
    type: OPCODES.auth,
    body: (writer, random) => {
      writer.int(0);
      writer.string(random.pick(["digest", "digest", "ip", "sasl", "world", "nonsense"]));
      writer.buffer(new TextEncoder().encode(`u${random.below(20)}:p`));
    },
  },
  {
    name: "sasl",
    type: OPCODES.sasl,
    body: (writer, random) => writer.buffer(random.bytes(random.below(30))),
  },
  { name: "createSession", type: OPCODES.createSession, body: (writer) => writer.int(1000) },
  { name: "deleteContainer", type: OPCODES.deleteContainer, body: onlyPath },
  { name: "closeSession", type: OPCODES.closeSession, body: nothing },
];

/** A valid frame of a kind. */
export function validFrame(kind: Kind, xid: number, random: Random): Uint8Array {
  return request(xid, kind.type, (writer) => kind.body(writer, random));
}
