// SPDX-License-Identifier: MIT

// reverseproxy PORT NEXT_PORT: Go's own reverse proxy between two ports of 127.0.0.1.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
)

// buffers spares the proxy a new 32 KiB buffer for each body.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return *b.pool.Get().(*[]byte) }
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: reverseproxy PORT NEXT_PORT")
	}
	next, err := url.Parse("http://127.0.0.1:" + os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	// The default keeps two idle connections only and would open a new one for nearly each request.
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 1024
	transport.DisableCompression = true
	proxy := httputil.NewSingleHostReverseProxy(next)
	proxy.Transport = transport
	proxy.BufferPool = &buffers{sync.Pool{New: func() any { p := make([]byte, 32<<10); return &p }}}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], proxy))
}
