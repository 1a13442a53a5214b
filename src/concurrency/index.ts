export { deadline } from "./deadline.ts";
export { mapLimited } from "./map-limited.ts";
export { type RetryOptions, retry } from "./retry.ts";
export { SingleFlight } from "./single-flight.ts";
