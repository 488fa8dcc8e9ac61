package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// cluster is what kustomize makes of the manifests.
type cluster struct {
	deployment *appsv1.Deployment
	service    *corev1.Service
	budget     *policyv1.PodDisruptionBudget
	policy     *networkingv1.NetworkPolicy
	claim      *corev1.PersistentVolumeClaim
	config     *corev1.ConfigMap
}

// manifests builds them as kubectl apply -k does, and decodes each strictly: an
// unknown field is an error.
func manifests(t *testing.T) cluster {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), root+"/deploy/kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, policyv1.AddToScheme, networkingv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	var c cluster
	for _, r := range resources.Resources() {
		object, _, err := decoder.Decode([]byte(r.MustYaml()), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", r.CurId(), err)
		}
		switch o := object.(type) {
		case *appsv1.Deployment:
			c.deployment = o
		case *corev1.Service:
			c.service = o
		case *policyv1.PodDisruptionBudget:
			c.budget = o
		case *networkingv1.NetworkPolicy:
			c.policy = o
		case *corev1.PersistentVolumeClaim:
			c.claim = o
		case *corev1.ConfigMap:
			c.config = o
		default:
			t.Errorf("this test does not know %T", o)
		}
	}
	if c.deployment == nil || c.service == nil || c.budget == nil || c.policy == nil || c.claim == nil || c.config == nil {
		t.Fatalf("something is missing: %+v", c)
	}
	return c
}

func testKubernetes(t *testing.T, i *image) {
	c := manifests(t)
	pod := c.deployment.Spec.Template
	container := pod.Spec.Containers[0]
	t.Run("everything selects the pods, and only them", func(t *testing.T) {
		for name, selector := range map[string]*metav1.LabelSelector{
			"deployment": c.deployment.Spec.Selector,
			"budget":     c.budget.Spec.Selector,
			"policy":     &c.policy.Spec.PodSelector,
			"service":    {MatchLabels: c.service.Spec.Selector},
			"spread":     pod.Spec.TopologySpreadConstraints[0].LabelSelector,
		} {
			s, err := metav1.LabelSelectorAsSelector(selector)
			if err != nil || s.Empty() || !s.Matches(labels.Set(pod.Labels)) {
				t.Errorf("%s selects %v, the pods have %v (%v)", name, selector, pod.Labels, err)
			}
		}
	})
	t.Run("ports have the names that they are asked for by", func(t *testing.T) {
		port := container.Ports[0]
		for name, asked := range map[string]string{
			"service": c.service.Spec.Ports[0].TargetPort.String(),
			"policy":  c.policy.Spec.Ingress[0].Ports[0].Port.String(),
		} {
			if asked != port.Name {
				t.Errorf("%s: port %s, the container has %s", name, asked, port.Name)
			}
		}
		for name, probe := range map[string]*corev1.Probe{
			"startup": container.StartupProbe, "readiness": container.ReadinessProbe, "liveness": container.LivenessProbe,
		} {
			if probe == nil || probe.GRPC == nil || probe.GRPC.Port != port.ContainerPort {
				t.Errorf("%s: %+v, want a gRPC probe of port %d", name, probe, port.ContainerPort)
			}
		}
	})
	t.Run("what is mounted is there", func(t *testing.T) {
		for _, m := range container.VolumeMounts {
			if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
				t.Errorf("no volume %s", m.Name)
			}
		}
		for _, v := range pod.Spec.Volumes {
			if v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName != c.claim.Name ||
				v.ConfigMap != nil && v.ConfigMap.Name != c.config.Name {
				t.Errorf("volume %+v", v)
			}
		}
	})
	t.Run("the server takes its arguments and its file", func(t *testing.T) {
		settings := i.settings(t, nil, withConfig(t, c, container)...)
		pause := time.Duration(container.Lifecycle.PreStop.Sleep.Seconds) * time.Second
		if grace, kill := settings["grace"].duration(t), *pod.Spec.TerminationGracePeriodSeconds; time.Duration(kill)*time.Second <= pause+grace {
			t.Errorf("killed after %d s, within the pause of %v and the grace of %v", kill, pause, grace)
		}
		if s := settings["listen"]; s.value != "0.0.0.0:50051" || settings["allow-insecure"].value != "true" {
			t.Errorf("listen %+v, allow-insecure %+v", s, settings["allow-insecure"])
		}
		for _, key := range []string{"store-file", "admin-password-file"} {
			if !strings.HasPrefix(settings[key].value, "/run/secrets/grpcx/") {
				t.Errorf("%s is %q, which is not mounted", key, settings[key].value)
			}
		}
	})
	t.Run("the pod has no rights that it does not need", func(t *testing.T) {
		s := container.SecurityContext
		if !*pod.Spec.SecurityContext.RunAsNonRoot || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem ||
			!slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || *pod.Spec.AutomountServiceAccountToken {
			t.Errorf("%+v, %+v", pod.Spec.SecurityContext, s)
		}
	})
}

// withConfig is the container's arguments, with the files of its ConfigMap where
// they can be read.
func withConfig(t *testing.T, c cluster, container corev1.Container) []string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range c.config.Data {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := slices.Clone(container.Args)
	for n := range args {
		args[n] = strings.Replace(args[n], "/etc/grpcx", dir, 1)
	}
	return args
}
