/** The form of names that go over the bus and into `nodes.conf`, where a space would do damage. */

/** 40 characters of 0-9 and a-z, as Redis's verifyClusterNodeId wants them. */
export function isNodeId(text: string): boolean {
  return /^[0-9a-z]{40}$/.test(text);
}

/** Address text of at most 45 characters, as NET_IP_STR_LEN leaves room for; "" is none known. */
export function isAddressText(text: string): boolean {
  return /^[0-9A-Za-z.:%_-]{0,45}$/.test(text);
}

/** What `cluster-announce-hostname` allows: at most 255 of a-z A-Z 0-9 `-` `.`; "" is none. */
export function isHostnameText(text: string): boolean {
  return /^[0-9A-Za-z.-]{0,255}$/.test(text);
}
