import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { RootfsView } from "#cluster-image";
import { findContainerImages } from "./find-container-images.ts";
import { parseImageList } from "./image-list.ts";
import { imagesInYaml } from "./images-in-yaml.ts";
import { folderFor, plant, type Tree } from "./testing.ts";

test("an image list is one reference a line, however it is written", () => {
  const text =
    "\uFEFF# all\r\nbusybox\r\n  \"nginx:1.25\"  # web\n'quay.io/x/y:1'\n\n#z\nsea.hub:5000/a@sha256:".concat(
      "a".repeat(64),
    );
  assert.deepEqual(
    parseImageList(text, "imageList").map(({ reference, line }) => [line, reference]),
    [
      [2, "docker.io/library/busybox:latest"],
      [3, "docker.io/library/nginx:1.25"],
      [4, "quay.io/x/y:1"],
      [7, `sea.hub:5000/a@sha256:${"a".repeat(64)}`],
    ],
  );
});

test("a bad line of an image list is told with its place", () => {
  assert.throws(() => parseImageList("busybox\nNot An Image\n", "manifests/imageList"), {
    code: "IMAGE_LIST_INVALID",
    where: "manifests/imageList:2",
    exitCode: 2,
  });
});

test("images are found wherever a manifest has them, at the line of the value", () => {
  const text = `apiVersion: v1
kind: Pod
metadata: {name: image}
spec:
  # image: commented:1
  initContainers:
  - {name: a, image: "one:1"}
  containers:
  - image: 'two:2' # why
    args: ["--image=not:1"]
  ephemeralContainers:
  - image:
      three:3
---
kind: Custom
spec:
  image: quay.io/four:4
  schema: {properties: {image: {type: string}}}
  imageName: five:5
---
kind: List
items:
- spec: {template: {spec: {containers: [{image: six:6}]}}}
`;
  assert.deepEqual(imagesInYaml(text, "a.yaml"), {
    unresolved: [],
    wanted: [
      { line: 7, reference: "docker.io/library/one:1" },
      { line: 9, reference: "docker.io/library/two:2" },
      { line: 13, reference: "docker.io/library/three:3" },
      { line: 17, reference: "quay.io/four:4" },
      { line: 23, reference: "docker.io/library/six:6" },
    ],
  });
});

test("what a template or a variable fills in is unresolved, as written", () => {
  const text = `{{- if .Values.on }}
spec:
  containers:
  - image: {{ .Values.image }}:{{ .Values.tag }}
  - image: "{{ .Values.other }}"
  - image: \${REGISTRY}/app:1
  - image: $(IMAGE)
  - image: fixed:1
  - image: Not An Image
{{- end }}
`;
  const { wanted, unresolved } = imagesInYaml(text, "a.yaml.tmpl");
  assert.deepEqual(wanted, [{ line: 8, reference: "docker.io/library/fixed:1" }]);
  assert.deepEqual(
    unresolved.map(({ line, text: what, why }) => [line, what, why]),
    [
      [4, "{{ .Values.image }}:{{ .Values.tag }}", "a template fills it in"],
      [5, "{{ .Values.other }}", "a template fills it in"],
      [6, "${REGISTRY}/app:1", "a variable fills it in"],
      [7, "$(IMAGE)", "a variable fills it in"],
      [9, "Not An Image", "it is not an image reference"],
    ],
  );
});

test("a template that is no YAML even without its templates is read line by line", () => {
  const text = "a: [\n  image: x:1\n{{ range . }}\n- image: \"y:2\" # z\n- 'image': {{ . }}\n{{ end }}\n";
  const { wanted, unresolved } = imagesInYaml(text, "a.tmpl");
  assert.deepEqual(
    wanted.map(({ line, reference }) => [line, reference]),
    [
      [2, "docker.io/library/x:1"],
      [4, "docker.io/library/y:2"],
    ],
  );
  assert.deepEqual(
    unresolved.map(({ line, text: what }) => [line, what]),
    [[5, "{{ . }}"]],
  );
});

test("YAML that cannot be read is told with its place", () => {
  assert.throws(() => imagesInYaml("a: 1\nb: [\n", "manifests/x.yaml"), {
    code: "YAML_INVALID",
    exitCode: 2,
  });
});

test("a rootfs wants what its list and its manifests name, each image once", async (t) => {
  const found = await find(t, {
    "manifests/imageList": "busybox\nnginx:1\n",
    "manifests/sub/a.yml": "image: nginx:1\n",
    "manifests/notes.txt": "image: no:1\n",
    "application/apps/web/web.yaml": "image: web:2\n",
    "etc/kubeadm.yml": "image: no:2\n",
    "charts/c/Chart.yaml": "name: c\n",
    "charts/c/templates/x.yaml": "image: no:3\n",
    "application/apps/chart/Chart.yaml": "name: chart\n",
    "application/apps/chart/templates/x.yaml": "image: no:4\n",
  });
  assert.deepEqual(found.wanted, [
    { reference: "docker.io/library/busybox:latest", wantedBy: [{ file: "manifests/imageList", line: 1 }] },
    {
      reference: "docker.io/library/nginx:1",
      wantedBy: [
        { file: "manifests/imageList", line: 2 },
        { file: "manifests/sub/a.yml", line: 1 },
      ],
    },
    { reference: "docker.io/library/web:2", wantedBy: [{ file: "application/apps/web/web.yaml", line: 1 }] },
  ]);
  assert.deepEqual(
    found.unresolved.map(({ file }) => file),
    ["application/apps/chart/Chart.yaml", "charts/c/Chart.yaml"],
  );
});

function find(t: TestContext, tree: Tree) {
  return findContainerImages(new RootfsView([plant(join(folderFor(t), "layer"), tree)]));
}
