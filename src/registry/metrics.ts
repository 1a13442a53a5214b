import type { RequestListener } from "node:http";
import type { AccessEntry } from "./log.ts";

/** Counts requests and tells them, at the debug address, in Prometheus' text format. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  #bytes = 0;

  count({ request, status, bytes }: AccessEntry): void {
    const method = /^[A-Z]{3,7}$/.test(request.method ?? "") ? request.method : "OTHER";
    const labels = `{method="${method}",code="${status}"}`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    this.#bytes += bytes;
  }

  /** Answers `/debug/health`, and `metricsPath` if there is one. */
  listener(metricsPath: string | undefined, problem: () => string | undefined): RequestListener {
    return (request, response) => {
      const path = (request.url ?? "").split("?")[0];
      if (path === "/debug/health") {
        const why = problem();
        response.writeHead(why ? 503 : 200, { "Content-Type": "application/json; charset=utf-8" });
        response.end(JSON.stringify(why ? { storagedriver: why } : {}));
      } else if (metricsPath !== undefined && path === metricsPath) {
        response.writeHead(200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
        response.end(this.#text());
      } else {
        response.writeHead(404).end();
      }
    };
  }

  #text(): string {
    const { rss } = process.memoryUsage();
    return [
      "# TYPE registry_http_requests_total counter",
      ...[...this.#requests].map(([labels, count]) => `registry_http_requests_total${labels} ${count}`),
      "# TYPE registry_http_response_bytes_total counter",
      `registry_http_response_bytes_total ${this.#bytes}`,
      "# TYPE process_resident_memory_bytes gauge",
      `process_resident_memory_bytes ${rss}`,
      "",
    ].join("\n");
  }
}
