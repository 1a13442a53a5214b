package main

import (
	"net"

	"github.com/miekg/dns"
)

func header(name string, kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

// addressRecord is an A or an AAAA record.
func addressRecord(name, address string) dns.RR {
	ip := net.ParseIP(address)
	if ip.To4() != nil {
		return &dns.A{Hdr: header(name, dns.TypeA), A: ip}
	}
	return &dns.AAAA{Hdr: header(name, dns.TypeAAAA), AAAA: ip}
}
