// The Go engine blitiri.com.ar/go/spf, measured: whole checks through a resolver, or over answers in memory.
//
//	peer rate|latency HOST PORT CLIENT FILE IN_FLIGHT plain|cached
//	peer memory FILE CLIENT DOMAIN ROUNDS
//
// It answers in one line of JSON, as the other peers do. "cached" shares the TXT answers of all checks, for ever.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"blitiri.com.ar/go/spf"
)

type answer struct {
	Version string    `json:"version"`
	Results []string  `json:"results"`
	Times   []float64 `json:"times"`
	Seconds float64   `json:"seconds"`
	CPU     float64   `json:"cpu"`
}

// absolute asks for whole names, so that no search list of the machine is tried, and may share TXT answers.
type absolute struct {
	*net.Resolver
	mutex sync.RWMutex
	texts map[string]texts
}

type texts struct {
	found []string
	err   error
}

func (r *absolute) LookupTXT(ctx context.Context, name string) ([]string, error) {
	if r.texts == nil {
		return r.Resolver.LookupTXT(ctx, whole(name))
	}
	r.mutex.RLock()
	known, ok := r.texts[name]
	r.mutex.RUnlock()
	if !ok {
		known.found, known.err = r.Resolver.LookupTXT(ctx, whole(name))
		r.mutex.Lock()
		r.texts[name] = known
		r.mutex.Unlock()
	}
	return known.found, known.err
}

func (r *absolute) LookupMX(ctx context.Context, name string) ([]*net.MX, error) {
	return r.Resolver.LookupMX(ctx, whole(name))
}

func (r *absolute) LookupIPAddr(ctx context.Context, host string) ([]net.IPAddr, error) {
	return r.Resolver.LookupIPAddr(ctx, whole(host))
}

func whole(name string) string {
	return strings.TrimSuffix(name, ".") + "."
}

func through(host, port string, cached bool) *absolute {
	dialer := &net.Dialer{}
	made := &absolute{Resolver: &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, net.JoinHostPort(host, port))
		},
	}}
	if cached {
		made.texts = map[string]texts{}
	}
	return made
}

func cpu() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func judge(resolver spf.DNSResolver, client net.IP, domain string) string {
	result, _ := spf.CheckHostWithSender(client, "mail.invalid", "postmaster@"+domain, spf.WithResolver(resolver))
	return string(result)
}

func main() {
	if os.Args[1] == "memory" {
		memory(os.Args[2], os.Args[3], os.Args[4], os.Args[5])
		return
	}
	mode, host, port, client, file, variant := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[7]
	inFlight, _ := strconv.Atoi(os.Args[6])
	data, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	domains := strings.Fields(string(data))
	address := net.ParseIP(client)
	said := answer{Version: "blitiri.com.ar/go/spf, " + runtime.Version(), Results: make([]string, len(domains))}
	if mode == "latency" {
		for place, domain := range domains {
			resolver := through(host, port, variant == "cached")
			began := time.Now()
			said.Results[place] = judge(resolver, address, domain)
			said.Times = append(said.Times, time.Since(began).Seconds())
		}
	} else {
		rate(&said, through(host, port, variant == "cached"), address, domains, inFlight)
	}
	line, _ := json.Marshal(said)
	fmt.Println(string(line))
}

func rate(said *answer, resolver spf.DNSResolver, client net.IP, domains []string, inFlight int) {
	places := make(chan int, inFlight)
	var done sync.WaitGroup
	began, before := time.Now(), cpu()
	for range make([]struct{}, inFlight) {
		done.Add(1)
		go func() {
			defer done.Done()
			for place := range places {
				said.Results[place] = judge(resolver, client, domains[place])
			}
		}()
	}
	for place := range domains {
		places <- place
	}
	close(places)
	done.Wait()
	said.Seconds, said.CPU = time.Since(began).Seconds(), cpu()-before
}

// inMemory answers from a map, as if every answer had been at hand.
type inMemory map[string][]string

func (m inMemory) LookupTXT(_ context.Context, name string) ([]string, error) {
	found, ok := m[name]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return found, nil
}

func (m inMemory) LookupMX(context.Context, string) ([]*net.MX, error)        { return nil, nil }
func (m inMemory) LookupIPAddr(context.Context, string) ([]net.IPAddr, error) { return nil, nil }
func (m inMemory) LookupAddr(context.Context, string) ([]string, error)       { return nil, nil }

func memory(file, client, domain, rounds string) {
	data, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	records := map[string]string{}
	if err := json.Unmarshal(data, &records); err != nil {
		panic(err)
	}
	zone := inMemory{}
	for name, text := range records {
		zone[name] = []string{text}
	}
	address := net.ParseIP(client)
	count, _ := strconv.Atoi(rounds)
	said := answer{Version: "blitiri.com.ar/go/spf, " + runtime.Version(), Results: []string{judge(zone, address, domain)}}
	const checks = 2000
	for round := 0; round < count; round++ {
		before := cpu()
		for check := 0; check < checks; check++ {
			judge(zone, address, domain)
		}
		said.Times = append(said.Times, (cpu()-before)/checks)
	}
	line, _ := json.Marshal(said)
	fmt.Println(string(line))
}
