import { contentContract } from "../../test/contracts/content-contract.ts";
import { MemoryContent } from "./memory-content.ts";

contentContract("memory", async () => new MemoryContent());
