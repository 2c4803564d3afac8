import { X509Certificate } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { subjectOf } from "../../transports/tcp/distinguished_name.ts";
import { Certificates } from "./certificates.ts";

const certificates = new Certificates();
test.after(() => certificates.remove());

/** What openssl is told, and what Java 17 makes of it (`X500Principal.getName()`). */
const SUBJECTS: readonly (readonly [string, string])[] = [
  ["/CN=a/emailAddress=a@b.c", "1.2.840.113549.1.9.1=#16056140622e63,CN=a"],
  ["/CN= lead/O=trail ", "O=trail\\ ,CN=\\ lead"],
  ["/CN=#hash", "CN=\\#hash"],
  ['/CN=a"q"/O=<b>;c', 'O=\\<b\\>\\;c,CN=a\\"q\\"'],
  ["/CN=ä ö 漢", "CN=ä ö 漢"],
  ["/DC=org/DC=example/UID=joe/CN=Joe", "CN=Joe,UID=joe,DC=example,DC=org"],
  ["/street=Main 1/ST=X/L=Y/CN=z", "CN=z,L=Y,ST=X,STREET=Main 1"],
  ["/serialNumber=77/CN=q", "CN=q,2.5.4.5=#13023737"],
  ["/CN=a=b", "CN=a\\=b"],
  ["/CN=back\\\\slash", "CN=back\\\\slash"],
  ["/title=Dr/GN=A/CN=c", "CN=c,2.5.4.42=#0c0141,2.5.4.12=#0c024472"],
  ["/CN=  two  spaces  /O=a  b", "O=a  b,CN=\\ \\ two  spaces\\ \\ "],
  ["/C=DE/CN=b+OU=a+UID=1", "CN=b+OU=a+UID=1,C=DE"],
];

test("subjectOf() writes names as Java does, letter by letter", () => {
  for (const [subject, expected] of SUBJECTS) {
    certificates.authority("named", subject);
    assert.is(subjectOf(new X509Certificate(certificates.text("named.pem")).raw), expected);
  }
});

test("subjectOf() refuses what is no certificate, or is cut off", () => {
  certificates.authority("named");
  const { raw } = new X509Certificate(certificates.text("named.pem"));
  for (let sizeBytes = 0; sizeBytes < raw.length; sizeBytes += 7) {
    assert.throws(
      () => subjectOf(raw.subarray(0, sizeBytes)),
      (e: Error) => e instanceof RangeError,
    );
  }
});

test.run();
