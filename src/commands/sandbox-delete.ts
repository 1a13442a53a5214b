import { command } from "#cli";
import { deleteSandbox } from "#sandbox";

export const sandboxDelete = command({
  name: "sandbox delete",
  summary: "Remove sandboxes, with their hosts and disks",
  json: "{deleted: [name]}",
  operands: "NAME...",
  flags: {},
  description: "  sealer sandbox delete demo",
  async run({ operands }, { root, progress, signal, result }) {
    const deleted: string[] = [];
    for (const name of operands) {
      if (await deleteSandbox(root, name, signal)) deleted.push(name);
      else progress({ type: "note", level: "info", text: `there is no sandbox "${name}"` });
    }
    result({ deleted }, () => deleted.join("\n"));
  },
});
