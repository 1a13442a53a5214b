/** Where this machine's own tools are looked for; also root's PATH on hosts. */
export const programPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
