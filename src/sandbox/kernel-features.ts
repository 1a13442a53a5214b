/**
 * The text of `modules.builtin` for a kernel that has no modules on disk, so that modprobe succeeds on what it has
 * built in, as on any host. `config` is the kernel's configuration, `loaded` are the names in /sys/module.
 */
export function modulesBuiltin(config: string, loaded: readonly string[] = []): string {
  const builtIn = new Set(config.split("\n").flatMap((line) => /^(CONFIG_\w+)=y$/.exec(line)?.[1] ?? []));
  const present = new Set(loaded);
  return features
    .flatMap(([option, folder, ...modules]) =>
      modules
        .filter((name) => builtIn.has(`CONFIG_${option}`) || present.has(name.replaceAll("-", "_")))
        .map((name) => `kernel/${folder}/${name}.ko\n`),
    )
    .join("");
}

type Feature = readonly [option: string, folder: string, ...modules: string[]];

/** What scripts around Kubernetes ask for by name. */
const features: readonly Feature[] = [
  ["OVERLAY_FS", "fs/overlayfs", "overlay"],
  ["FUSE_FS", "fs/fuse", "fuse"],
  ["EXT4_FS", "fs/ext4", "ext4"],
  ["XFS_FS", "fs/xfs", "xfs"],
  ["CONFIGFS_FS", "fs/configfs", "configfs"],
  ["NFS_FS", "fs/nfs", "nfs"],
  ["BLK_DEV_LOOP", "drivers/block", "loop"],
  ["BLK_DEV_DM", "drivers/md", "dm_mod"],
  ["TUN", "drivers/net", "tun"],
  ["VETH", "drivers/net", "veth"],
  ["DUMMY", "drivers/net", "dummy"],
  ["MACVLAN", "drivers/net", "macvlan"],
  ["IPVLAN", "drivers/net/ipvlan", "ipvlan"],
  ["WIREGUARD", "drivers/net/wireguard", "wireguard"],
  ["VXLAN", "drivers/net/vxlan", "vxlan"],
  ["GENEVE", "drivers/net", "geneve"],
  ["NET_IPIP", "net/ipv4", "ipip"],
  ["NET_IPGRE", "net/ipv4", "ip_gre"],
  ["INET_DIAG", "net/ipv4", "inet_diag"],
  ["VLAN_8021Q", "net/8021q", "8021q"],
  ["BRIDGE", "net/bridge", "bridge"],
  ["BRIDGE_NETFILTER", "net/bridge", "br_netfilter"],
  ["BRIDGE_NF_EBTABLES", "net/bridge/netfilter", "ebtables"],
  ["NF_CONNTRACK", "net/netfilter", "nf_conntrack", "nf_conntrack_ipv4", "nf_conntrack_ipv6"],
  ["NF_CT_NETLINK", "net/netfilter", "nf_conntrack_netlink"],
  ["NETFILTER_NETLINK", "net/netfilter", "nfnetlink"],
  ["NF_NAT", "net/netfilter", "nf_nat", "nf_nat_ipv4"],
  ["NF_TABLES", "net/netfilter", "nf_tables"],
  ["NFT_COMPAT", "net/netfilter", "nft_compat"],
  ["NFT_CT", "net/netfilter", "nft_ct"],
  ["NFT_NAT", "net/netfilter", "nft_nat"],
  ["NFT_MASQ", "net/netfilter", "nft_masq"],
  ["NFT_CHAIN_NAT", "net/netfilter", "nft_chain_nat"],
  ["NETFILTER_XTABLES", "net/netfilter", "x_tables"],
  ["IP_NF_IPTABLES_LEGACY", "net/ipv4/netfilter", "ip_tables"],
  ["IP_NF_FILTER", "net/ipv4/netfilter", "iptable_filter"],
  ["IP_NF_NAT", "net/ipv4/netfilter", "iptable_nat"],
  ["IP_NF_MANGLE", "net/ipv4/netfilter", "iptable_mangle"],
  ["IP_NF_RAW", "net/ipv4/netfilter", "iptable_raw"],
  ["IP6_NF_IPTABLES_LEGACY", "net/ipv6/netfilter", "ip6_tables"],
  ["IP6_NF_FILTER", "net/ipv6/netfilter", "ip6table_filter"],
  ["IP6_NF_NAT", "net/ipv6/netfilter", "ip6table_nat"],
  ["IP6_NF_MANGLE", "net/ipv6/netfilter", "ip6table_mangle"],
  ["NETFILTER_XT_NAT", "net/netfilter", "xt_nat"],
  ["NETFILTER_XT_MARK", "net/netfilter", "xt_mark"],
  ["NETFILTER_XT_SET", "net/netfilter", "xt_set"],
  ["NETFILTER_XT_MATCH_COMMENT", "net/netfilter", "xt_comment"],
  ["NETFILTER_XT_MATCH_CONNTRACK", "net/netfilter", "xt_conntrack"],
  ["NETFILTER_XT_MATCH_ADDRTYPE", "net/netfilter", "xt_addrtype"],
  ["NETFILTER_XT_MATCH_MULTIPORT", "net/netfilter", "xt_multiport"],
  ["NETFILTER_XT_MATCH_STATISTIC", "net/netfilter", "xt_statistic"],
  ["NETFILTER_XT_MATCH_RECENT", "net/netfilter", "xt_recent"],
  ["NETFILTER_XT_MATCH_PHYSDEV", "net/netfilter", "xt_physdev"],
  ["NETFILTER_XT_TARGET_MASQUERADE", "net/netfilter", "xt_MASQUERADE"],
  ["NETFILTER_XT_TARGET_REDIRECT", "net/netfilter", "xt_REDIRECT"],
  ["IP_SET", "net/netfilter/ipset", "ip_set"],
  ["IP_SET_HASH_IP", "net/netfilter/ipset", "ip_set_hash_ip"],
  ["IP_SET_HASH_NET", "net/netfilter/ipset", "ip_set_hash_net"],
  ["IP_SET_HASH_IPPORT", "net/netfilter/ipset", "ip_set_hash_ipport"],
  ["IP_VS", "net/netfilter/ipvs", "ip_vs"],
  ["IP_VS_RR", "net/netfilter/ipvs", "ip_vs_rr"],
  ["IP_VS_WRR", "net/netfilter/ipvs", "ip_vs_wrr"],
  ["IP_VS_SH", "net/netfilter/ipvs", "ip_vs_sh"],
  ["IP_VS_LC", "net/netfilter/ipvs", "ip_vs_lc"],
];
