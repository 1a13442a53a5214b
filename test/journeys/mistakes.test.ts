import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { before, type TestContext, test } from "node:test";
import { Workshop } from "../fixtures/workshop.ts";

/** What was typed, its exit code, and the first line of what it is answered with. */
const mistakes: readonly (readonly [string, number, RegExp])[] = [
  ["imags", 2, /^error: there is no command "imags"\nhint: Did you mean "images"\?/],
  ["registry serv", 2, /^error: there is no command "registry serv"/],
  ["--rot x images", 2, /^error: there is no flag --rot before the command\nhint: Did you mean --root\?/],
  ["--root x", 2, /^error: there is no command after --root x/],
  ["images --formt json", 2, /hint: Did you mean --format\?/],
  ["images --home Kubefile", 2, /^error: cannot read the configuration .*: not a directory\n$/],
  ["status --home Kubefile", 2, /^error: cannot use .*Kubefile: not a directory\n/],
  ["build -t x:1 Kubefile", 2, /^error: \S+Kubefile is a file, not a folder to build from\n/],
  ["build -t x:1 -f folder", 2, /^error: cannot read the Kubefile folder: it is a folder\n$/],
  ["build -t x:1 -f none", 2, /^error: cannot read the Kubefile none: no such file or directory\n$/],
  ["build -t x:1 folder", 2, /^error: \S+: there is no folder\/Kubefile\n/],
  ["build -t x:1 --image-list none", 2, /^error: cannot read the image list none: no such file/],
  ["build -t x:1 --platform linux/amd46", 2, /hint: Did you mean linux\/amd64\?/],
  ["build -t x:1 --platform windows/amd64", 2, /a ClusterImage cannot be for windows\/amd64/],
  ["save app:1 -o folder", 2, /folder is a folder, and an archive is a file\n/],
  ["save app:1 -o none/a.tar", 2, /^error: cannot write \S+a.tar: no such file or directory\n/m],
  ["save app:1 -o a.tar --platform linux/amd64", 2, /--platform is for docker-archive/],
  ["load none.tar", 2, /^error: cannot read the archive \S+none.tar: no such file or directory\n$/],
  ["load Kubefile", 3, /^error: \S+Kubefile is not a tar archive\n/],
  ["load -i -", 3, /^error: standard input is not a tar archive\n/],
  ["load a -i b", 2, /^error: load takes one archive, not b and a\n/],
  ["run app:1 -m 1.2.3", 2, /^error: -m: "1.2.3" is not an address\n/],
  ["run none:1 -m 127.0.0.1 -p env:NOBODY", 2, /^error: --passwd: the variable NOBODY is not set\n/],
  ["registry serve --config none.yml", 2, /^error: cannot read the configuration \S+none.yml: no such file/],
];

let workshop: Workshop;
before(async (t) => {
  workshop = await Workshop.open(t as TestContext);
  await workshop.write({ Kubefile: "FROM scratch\nCOPY a etc\n", a: "a", "folder/a": "" });
  await workshop.sealer("build", "-t", "app:1", ".");
});

for (const [typed, exitCode, answer] of mistakes) {
  test(`sealer ${typed}`, async () => {
    const { code, stdout, stderr } = await workshop.run(typed.split(" "));
    assert.match(stderr, answer);
    assert.deepEqual([code, stdout.toString()], [exitCode, ""]);
    assert.doesNotMatch(stderr, /^ +at |ENOENT|EISDIR|ENOTDIR/m);
    assert.deepEqual(
      (await workshop.json<{ name: string }[]>("images")).map(({ name }) => name),
      ["app:1"],
    );
  });
}

test("an image that goes to a device leaves the device there", async () => {
  assert.match(await workshop.sealer("save", "app:1", "-o", "/dev/null"), /^Saved app:1/);
  assert.ok((await stat("/dev/null")).isCharacterDevice());
});

test("a name may be given to rmi twice, and a filter that finds nothing says so", async () => {
  await workshop.sealer("tag", "app:1", "app:2");
  const { removed } = await workshop.json<{ removed: string[] }>("rmi", "app:2", "app:2");
  assert.deepEqual(removed, ["app:2"]);
  assert.equal(await workshop.sealer("images", "zzz"), 'No image here has "zzz" in its name.\n');
});
