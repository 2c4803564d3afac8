import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes certificates with the `openssl` command, in a folder of its own. */
export class Certificates {
  readonly folder: string = mkdtempSync(join(tmpdir(), "zookit-certificates-"));

  /** Path of a file in the folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  text(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  /** Makes `<name>.pem` and `<name>.key` of an authority that certifies others. */
  authority(name: string, subject = `/CN=${name}`): void {
    this.openssl([
      "req",
      "-x509",
      ...KEY,
      "-days",
      "2",
      "-utf8",
      "-multivalue-rdn",
      "-subj",
      subject,
      ...this.#out(name),
    ]);
  }

  /**
   * Makes `<name>.pem`, `<name>.key` and `<name>.both.pem`, certified by `by`.
   *
   * @param names whom it is for, in the words of openssl's `subjectAltName`.
   */
  leaf(name: string, by: string, names = "IP:127.0.0.1,DNS:localhost"): void {
    const request = this.path(`${name}.csr`);
    const key = this.path(`${name}.key`);
    const extensions = this.path(`${name}.ext`);
    writeFileSync(extensions, `subjectAltName=${names}\n`);
    const whose = ["-utf8", "-subj", `/C=DE/O=Zoo, Inc/CN=${name}`];
    this.openssl(["req", ...KEY, ...whose, "-keyout", key, "-out", request]);
    const signing = ["-CA", this.path(`${by}.pem`), "-CAkey", this.path(`${by}.key`)];
    const rest = ["-CAcreateserial", "-days", "2", "-extfile", extensions];
    const out = ["-out", this.path(`${name}.pem`)];
    this.openssl(["x509", "-req", "-in", request, ...signing, ...rest, ...out]);
    writeFileSync(
      this.path(`${name}.both.pem`),
      this.text(`${name}.key`) + this.text(`${name}.pem`),
    );
  }

  openssl(args: readonly string[]): void {
    execFileSync("openssl", [...args], { stdio: ["ignore", "ignore", "pipe"] });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #out(name: string): string[] {
    return ["-keyout", this.path(`${name}.key`), "-out", this.path(`${name}.pem`)];
  }
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
