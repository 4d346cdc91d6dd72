// Command policy-agent enforces NetworkPolicies for the pods of the node it runs on, by iptables and ipset: kube-router's
// policy controller without its routing and its service proxy. For the test cluster's own node image; nothing ships it.
package main

import (
	"fmt"
	"maps"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"github.com/spf13/pflag"
	core "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// A sync takes some 30 calls of iptables and 60 ms of CPU: a burst of pods shares one, so that the agent does not compete with
// what is measured. The first change after a pause is followed at once: a pod that has just got its address waits for that.
const between = 500 * time.Millisecond

// selectable tells whether rules can be about an object: a pod without an address is in none.
func selectable(object any) bool {
	pod, isPod := object.(*core.Pod)
	return !isPod || pod.Status.PodIP != ""
}

// matters tells whether a change of an object changes whom a policy selects.
func matters(before, after any) bool {
	old, isPod := before.(*core.Pod)
	pod, _ := after.(*core.Pod)
	return selectable(after) &&
		(!isPod || old.Status.Phase != pod.Status.Phase || old.Status.PodIP != pod.Status.PodIP || !maps.Equal(old.Labels, pod.Labels))
}

func run() error {
	config := options.NewKubeRouterConfig()
	config.EnableIPv4 = true
	config.IPTablesSyncPeriod = time.Hour // each change is followed at once; this is for rules that somebody else removed
	kubeconfig := pflag.String("kubeconfig", "", "the file that says how to reach the API server")
	services := pflag.String("service-subnet", "", "the range of the cluster's Service addresses")
	pflag.Parse()
	config.ClusterIPCIDRs = []string{*services}

	reach, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(reach)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(stop)
	for kind, synced := range factory.WaitForCacheSync(stop) {
		if !synced {
			return fmt.Errorf("%v could not be listed", kind)
		}
	}

	tables, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}
	var mutex sync.Mutex
	controller, err := netpol.NewNetworkPolicyController(client, config, pods, policies, namespaces, &mutex, tables, sets)
	if err != nil {
		return err
	}
	beats := make(chan *healthcheck.ControllerHeartbeat)
	go func() { // without a reader the sender would block
		for range beats {
		}
	}()
	var running sync.WaitGroup
	running.Add(1)
	go controller.Run(beats, stop, &running)

	changed := make(chan struct{}, 1)
	change := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			if selectable(object) {
				change()
			}
		},
		UpdateFunc: func(before, after any) {
			if matters(before, after) {
				change()
			}
		},
		DeleteFunc: func(any) { change() },
	}
	for _, informer := range []cache.SharedIndexInformer{pods, namespaces, policies} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	for {
		select {
		case <-changed:
			controller.RequestFullSync()
			time.Sleep(between)
		case <-ended:
			close(stop)
			running.Wait()
			return nil
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "policy-agent:", err)
		os.Exit(1)
	}
}
