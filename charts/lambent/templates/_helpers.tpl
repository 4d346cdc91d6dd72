{{/* The names are fixed, not derived from the release: the parts find each other by them, and one cluster runs one Lambent. */}}

{{- define "lambent.labels" -}}
{{ include "lambent.selector" . }}
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: lambent
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "lambent.selector" -}}
app.kubernetes.io/name: lambent
app.kubernetes.io/instance: {{ .context.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "lambent.metadata" -}}
name: lambent-{{ .role }}
namespace: {{ .context.Release.Namespace }}
labels:
  {{- include "lambent.labels" . | nindent 2 }}
{{- end }}

{{- define "lambent.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* One JSON object: runtime name to {image, pullPolicy, preload}. A custom resource's `runtime` is looked up in it. */}}
{{- define "lambent.runtimes" -}}
{{- $runtimes := dict -}}
{{- range $name, $runtime := .Values.runtimes -}}
{{- $tag := $runtime.tag | default $.Chart.AppVersion -}}
{{- $_ := set $runtimes $name (dict "image" (printf "%s:%s" $runtime.image $tag) "pullPolicy" ($runtime.pullPolicy | default "IfNotPresent") "preload" ($runtime.preload | default list)) -}}
{{- end -}}
{{ $runtimes | toJson }}
{{- end }}

{{- define "lambent.podAnnotations" -}}
{{- $values := index .context.Values .role -}}
{{- with .context.Values.rollout }}
lambent.dev/rollout: {{ . | quote }}
{{- end }}
{{- with $values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What every control-plane pod has in common around its container. */}}
{{- define "lambent.pod" -}}
{{- $values := index .context.Values .role -}}
serviceAccountName: lambent-{{ .role }}
enableServiceLinks: false
{{- with .context.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .context.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
topologySpreadConstraints:
  {{- range tuple "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "lambent.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}

{{- define "lambent.container" -}}
{{- $values := index .context.Values .role -}}
- name: {{ .role }}
  image: {{ include "lambent.image" .context | quote }}
  imagePullPolicy: {{ .context.Values.image.pullPolicy }}
  args: [{{ .role }}]
  resources:
    {{- toYaml $values.resources | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: {drop: [ALL]}
  terminationMessagePolicy: FallbackToLogsOnError
  startupProbe:
    httpGet: {path: /healthz, port: health}
    periodSeconds: 1
    failureThreshold: 60
  livenessProbe:
    httpGet: {path: /healthz, port: health}
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 3
  # Patient: a busy node must not empty the Service. A pod that stops leaves it by its deletion, not by its probe.
  readinessProbe:
    httpGet: {path: /readyz, port: health}
    periodSeconds: 2
    timeoutSeconds: 5
    failureThreshold: 3
{{- end }}

{{/* Environment that every role reads. */}}
{{- define "lambent.environment" -}}
- name: LAMBENT_LOG_LEVEL
  value: {{ .Values.log.level | quote }}
- name: LAMBENT_LOG_FORMAT
  value: {{ .Values.log.format | quote }}
- name: LAMBENT_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: LAMBENT_POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- end }}

{{/* DNS and the API server: what every role may reach. Policies apply after Services are resolved, so ports are those of the backends. */}}
{{- define "lambent.egress" -}}
- ports:
    {{- range .Values.networkPolicy.dns.ports }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .Values.networkPolicy.dns.servers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .Values.networkPolicy.apiServerAddresses }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end }}

{{/* Scrapes. Kubelets' probes come from a pod's own node, which no policy shuts out. */}}
{{- define "lambent.metricsIngress" -}}
{{- with .Values.networkPolicy.metricsFrom -}}
- ports:
    - {port: 9090, protocol: TCP}
  from:
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end }}

{{/* LAMBENT_POD_NETWORK: one JSON object. */}}
{{- define "lambent.podNetwork" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $egress := $policy.functions.egress -}}
{{- dict "scrapers" $policy.metricsFrom "restricted" $egress.restricted "ownNamespace" $egress.ownNamespace "internet" $egress.internet
  "except" $egress.except "extra" $egress.extra "dnsServers" $policy.dns.servers "dnsPorts" $policy.dns.ports
  "apiServerAddresses" $policy.apiServerAddresses "apiServerPorts" $policy.apiServerPorts | toJson -}}
{{- end }}

{{- define "lambent.disruptionBudget" -}}
{{- $values := index .context.Values .role -}}
{{- if and .context.Values.podDisruptionBudgets (gt (int $values.replicas) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "lambent.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "lambent.selector" . | nindent 6 }}
{{- end }}
{{- end }}

{{- /* Pools and the boost need the resize of pods in place, which Kubernetes has from 1.33 on. v1.20.0: not known (requirements.yaml). */ -}}
{{- define "lambent.ifResizable" -}}
{{- $version := .context.Capabilities.KubeVersion.Version }}
{{- if or (semverCompare ">=1.33-0" $version) (hasPrefix "v1.20." $version) }}{{ .value | int64 }}{{ else }}0{{ end }}
{{- end }}
