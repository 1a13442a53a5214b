/** How messages name a host: `10.0.0.1`, `10.0.0.1:2222`, `[fd00::1]:2222`. */
export function hostName(address: string, port: number): string {
  if (port === 22) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
