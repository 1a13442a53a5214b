package main

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"
	"k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	listers "k8s.io/client-go/listers/core/v1"
)

const ttl = 30

// records answers out of the cluster's services, after the specification of Kubernetes' DNS-based service discovery.
type records struct {
	zone      string
	services  listers.ServiceLister
	endpoints listers.EndpointsLister
}

// find returns the answer and what helps with it, whether the name is known, and whether it is ours to answer at all.
func (r *records) find(q dns.Question) (answer, extra []dns.RR, known, ours bool) {
	name := strings.ToLower(q.Name)
	if strings.HasSuffix(name, ".in-addr.arpa.") || strings.HasSuffix(name, ".ip6.arpa.") {
		answer = r.reverse(q, name)
		return answer, nil, true, len(answer) > 0
	}
	if name == r.zone || !strings.HasSuffix(name, "."+r.zone) {
		return nil, nil, true, name == r.zone
	}
	parts := strings.Split(strings.TrimSuffix(name, "."+r.zone), ".")
	last := len(parts) - 1
	switch {
	case parts[last] != "svc":
		return nil, nil, false, true
	case last < 2:
		// "svc" and "<namespace>.svc" exist, with nothing at them.
		return nil, nil, true, true
	}
	namespace, service := parts[last-1], parts[last-2]
	found, err := r.services.Services(namespace).Get(service)
	if err != nil {
		return nil, nil, false, true
	}
	answer, extra, known = r.ofService(q, found, parts[:last-2])
	return answer, extra, known, true
}

// ofService answers for a service's own name, or with more labels in front for one pod or one port of it.
func (r *records) ofService(q dns.Question, service *v1.Service, front []string) (answer, extra []dns.RR, known bool) {
	own := fmt.Sprintf("%s.%s.svc.%s", service.Name, service.Namespace, r.zone)
	switch {
	case service.Spec.Type == v1.ServiceTypeExternalName:
		if len(front) > 0 {
			return nil, nil, false
		}
		return []dns.RR{&dns.CNAME{Hdr: header(q.Name, dns.TypeCNAME), Target: dns.Fqdn(service.Spec.ExternalName)}}, nil, true
	case len(front) == 2 && strings.HasPrefix(front[0], "_") && strings.HasPrefix(front[1], "_"):
		answer, extra = r.ports(q, service, own, front[0][1:], front[1][1:])
		return answer, extra, len(answer) > 0
	case len(front) == 0:
		return addresses(q, r.addressesOf(service, "")), nil, true
	case len(front) == 1 && service.Spec.ClusterIP == v1.ClusterIPNone:
		found := r.addressesOf(service, front[0])
		return addresses(q, found), nil, len(found) > 0
	}
	return nil, nil, false
}

// addressesOf are the service's own, or of a headless one those of its ready pods, all or by name.
func (r *records) addressesOf(service *v1.Service, pod string) []string {
	if service.Spec.ClusterIP != v1.ClusterIPNone {
		return []string{service.Spec.ClusterIP}
	}
	found := []string{}
	for _, subset := range r.subsets(service) {
		for _, address := range subset.Addresses {
			if pod == "" || pod == hostname(address) {
				found = append(found, address.IP)
			}
		}
	}
	return found
}

func (r *records) ports(q dns.Question, service *v1.Service, own, port, protocol string) (answer, extra []dns.RR) {
	add := func(target string, number int32, address string) {
		if q.Qtype == dns.TypeSRV {
			answer = append(answer, &dns.SRV{Hdr: header(q.Name, dns.TypeSRV), Priority: 0, Weight: 100, Port: uint16(number), Target: target})
			extra = append(extra, addressRecord(target, address))
		}
	}
	if service.Spec.ClusterIP != v1.ClusterIPNone {
		for _, each := range service.Spec.Ports {
			if each.Name == port && strings.EqualFold(string(each.Protocol), protocol) {
				add(own, each.Port, service.Spec.ClusterIP)
			}
		}
		return answer, extra
	}
	for _, subset := range r.subsets(service) {
		for _, each := range subset.Ports {
			if each.Name == port && strings.EqualFold(string(each.Protocol), protocol) {
				for _, address := range subset.Addresses {
					add(hostname(address)+"."+own, each.Port, address.IP)
				}
			}
		}
	}
	return answer, extra
}

// reverse finds the name of a service by its address.
func (r *records) reverse(q dns.Question, name string) []dns.RR {
	all, err := r.services.List(labels.Everything())
	if err != nil {
		return nil
	}
	for _, service := range all {
		if service.Spec.ClusterIP == "" || service.Spec.ClusterIP == v1.ClusterIPNone {
			continue
		}
		if arpa, err := dns.ReverseAddr(service.Spec.ClusterIP); err == nil && arpa == name {
			target := fmt.Sprintf("%s.%s.svc.%s", service.Name, service.Namespace, r.zone)
			return []dns.RR{&dns.PTR{Hdr: header(q.Name, dns.TypePTR), Ptr: target}}
		}
	}
	return nil
}

// authority goes with an empty answer, so that resolvers know for how long they may remember it.
func (r *records) authority() dns.RR {
	return &dns.SOA{
		Hdr: header(r.zone, dns.TypeSOA), Ns: "ns.dns." + r.zone, Mbox: "hostmaster." + r.zone,
		Serial: 1, Refresh: 7200, Retry: 1800, Expire: 86400, Minttl: 5,
	}
}

func (r *records) subsets(service *v1.Service) []v1.EndpointSubset {
	endpoints, err := r.endpoints.Endpoints(service.Namespace).Get(service.Name)
	if err != nil {
		return nil
	}
	return endpoints.Subsets
}

// hostname is what a pod of a headless service is called below the service's name.
func hostname(address v1.EndpointAddress) string {
	if address.Hostname != "" {
		return address.Hostname
	}
	return strings.NewReplacer(".", "-", ":", "-").Replace(address.IP)
}

func addresses(q dns.Question, found []string) []dns.RR {
	answer := []dns.RR{}
	for _, address := range found {
		if record := addressRecord(q.Name, address); record.Header().Rrtype == q.Qtype {
			answer = append(answer, record)
		}
	}
	return answer
}
