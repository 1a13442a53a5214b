package main

import (
	"fmt"
	"io/ioutil"
	"net"
	"strings"

	"github.com/miekg/dns"
)

type settings struct {
	// zone is the cluster's domain, such as "cluster.local.".
	zone string
	// upstreams are addresses with ports.
	upstreams []string
}

// readCorefile takes what this server understands out of a Corefile: the "kubernetes" line's first zone, and the
// servers, or the resolv.conf, of the "forward" line.
func readCorefile(path string) (settings, error) {
	text, err := ioutil.ReadFile(path)
	if err != nil {
		return settings{}, err
	}
	found := settings{}
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(line), "{"))
		switch {
		case len(words) > 1 && words[0] == "kubernetes":
			found.zone = dns.Fqdn(strings.ToLower(words[1]))
		case len(words) > 2 && words[0] == "forward":
			for _, server := range words[2:] {
				found.upstreams = append(found.upstreams, upstreamsOf(server)...)
			}
		}
	}
	if found.zone == "" {
		return settings{}, fmt.Errorf("%s: no line \"kubernetes ZONE\"", path)
	}
	return found, nil
}

// upstreamsOf reads one word of a "forward" line. A host without a resolv.conf simply has no upstreams.
func upstreamsOf(word string) []string {
	if strings.HasPrefix(word, "/") {
		config, err := dns.ClientConfigFromFile(word)
		if err != nil {
			return nil
		}
		servers := []string{}
		for _, server := range config.Servers {
			servers = append(servers, net.JoinHostPort(server, config.Port))
		}
		return servers
	}
	word = strings.TrimPrefix(word, "dns://")
	if _, _, err := net.SplitHostPort(word); err == nil {
		return []string{word}
	}
	return []string{net.JoinHostPort(word, "53")}
}
