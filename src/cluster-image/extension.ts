/** The JSON of Sealer 0.9's annotation `sealer.image.extension`; fields as it names them. */
export interface Extension {
  readonly buildClient: { readonly sealerVersion: string; readonly buildahVersion: string };
  readonly schemaVersion: "v1alpha1";
  readonly type: "kube-installer" | "app-installer";
  readonly applications?: readonly Application[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly launch?: { readonly cmds?: readonly string[]; readonly app_names?: readonly string[] };
}

/** An application in a ClusterImage; its files are below `application/apps/<name>/`. */
export interface Application {
  readonly name: string;
  readonly type: "kube" | "helm" | "shell" | "";
  /** Relative to the application's folder. */
  readonly files?: readonly string[];
  readonly version?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What APPCMDS says, instead of what the type implies: the words of one command line, as Sealer reads them. */
  readonly cmds?: readonly string[];
}

/** The extension in an annotation; undefined where there is none, or none that can be read. */
export function parseExtension(text: string | undefined): Extension | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Extension) : undefined;
  } catch {
    return undefined;
  }
}

/** The shell command that launches an application, run in the rootfs. */
export function launchCommand({ name, type, files = [], cmds = [] }: Application): string | undefined {
  const folder = `application/apps/${name}`;
  if (cmds.length > 0) return `cd ${folder} && ${cmds.join(" ")}`;
  switch (type) {
    case "kube":
      return files.map((file) => `kubectl apply -f ${folder}/${file}`).join(" && ");
    case "helm":
      return `helm install ${name} ${folder}`;
    case "shell":
      return files.map((file) => `bash ${folder}/${file}`).join(" && ");
    default:
      return undefined;
  }
}
