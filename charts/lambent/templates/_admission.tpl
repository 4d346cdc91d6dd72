{{/* Admission policies: what a role's account may write, beyond what RBAC can say. docs/decisions/0014 says why, tests/e2e tries each rule. */}}

{{- define "lambent.admissionPolicyHead" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: lambent-{{ .role }}
  labels:
    {{- include "lambent.labels" . | nindent 4 }}
{{- end }}

{{- define "lambent.admissionPolicyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: lambent-{{ .role }}
  labels:
    {{- include "lambent.labels" . | nindent 4 }}
spec:
  policyName: lambent-{{ .role }}
  validationActions: [Deny]
{{- end }}

{{/* Nobody else's requests are looked at. */}}
{{- define "lambent.onlyTheAccount" -}}
- name: the-account
  expression: request.userInfo.username == 'system:serviceaccount:{{ .context.Release.Namespace }}:lambent-{{ .role }}'
{{- end }}

{{/* Variables about the object before and after, where there is one: on CREATE there is none before, on DELETE none after. */}}
{{- define "lambent.admissionVariables" -}}
# As dynamic values: the API server checks each expression against each kind, whatever it is guarded by.
- name: was
  expression: dyn(oldObject)
- name: now
  expression: dyn(object)
- name: what
  expression: "request.resource.resource + (request.?subResource.orValue('') == '' ? '' : '/' + request.subResource)"
- name: before
  expression: "variables.was == null ? {} : variables.was.?metadata.labels.orValue({})"
- name: after
  expression: "variables.now == null ? {} : variables.now.?metadata.labels.orValue({})"
{{- end }}

{{/* Scales are those of Functions' and pools' Deployments: their selectors name a role, and no selector changes. */}}
{{- define "lambent.admissionOfScales" -}}
- expression: >-
    variables.what != 'deployments/scale' ||
    variables.was.?status.selector.orValue('').split(',').exists(term, term in ['lambent.dev/role=function', 'lambent.dev/role=pool'])
  message: only Deployments of Functions and pools may be scaled
- expression: "variables.what != 'deployments/scale' || variables.now.spec.?replicas.orValue(0) <= 1000"
  message: no Deployment is scaled beyond 1000, the most that a Function's scaling.maxScale can ask for
{{- end }}

{{- define "lambent.admissionOfLeases" -}}
- expression: "variables.what != 'leases' || variables.now.metadata.name == 'lambent-{{ .role }}'"
  message: only its own Lease may be written
{{- end }}

{{/* A part of the status of Functions: `fields` as CEL's list. */}}
{{- define "lambent.admissionOfStatus" -}}
- expression: >-
    variables.what != 'functions/status' ||
    (variables.now.?status.orValue({}).all(field, field in {{ .fields }} ||
      variables.was.?status.orValue({})[?field] == optional.of(variables.now.status[field])) &&
    variables.was.?status.orValue({}).all(field, field in {{ .fields }} || field in variables.now.?status.orValue({})))
  message: only {{ .fields }} of a Function's status may be written
{{- end }}

{{/* What a namespace's annotations allow; without them, everything. `condition`: CEL that is true where there is nothing to check.
     `variables.secrets` is a list of lists of names. */}}
{{- define "lambent.admissionOfAllowed" -}}
- expression: >-
    {{ .condition }} || {{ .account }} in ['', 'default'] ||
    namespaceObject.metadata.?annotations[?'lambent.dev/allowed-service-accounts']
      .optMap(text, {{ .account }} in text.split(',').map(name, name.trim())).orValue(true)
  messageExpression: >-
    "spec.serviceAccountName: " + {{ .account }} + " is not allowed; the namespace's annotation lambent.dev/allowed-service-accounts names those that are"
- expression: >-
    {{ .condition }} ||
    namespaceObject.metadata.?annotations[?'lambent.dev/allowed-secrets']
      .optMap(text, variables.secrets.all(some, some.all(secret, secret == '' || secret in text.split(',').map(name, name.trim()))))
      .orValue(true)
  messageExpression: >-
    "a Secret of " + variables.secrets.map(some, some.filter(secret, secret != '').join(', ')).filter(some, some != '').join(', ') +
    " is not allowed; the namespace's annotation lambent.dev/allowed-secrets names those that are"
{{- end }}
