/** `2026-11-21 19:12` in UTC; `-` for images without a time, and for those that were built to be reproducible. */
export function shortTime(created: string | null | undefined): string {
  const time = created ? new Date(created) : undefined;
  if (!time || Number.isNaN(time.getTime()) || time.getTime() === 0) return "-";
  return time.toISOString().slice(0, 16).replace("T", " ");
}
