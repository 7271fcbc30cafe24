{{/* The chart's name, as labels carry it. */}}
{{- define "trolleybus.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The prefix of every object's name. At most 42 characters: with a hyphen and a component's name of
at most 20 it stays within the 63 that a Service's name may have.
*/}}
{{- define "trolleybus.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 42 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 42 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 42 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The name of a component's objects. Takes (dict "root" $ "name" COMPONENT). */}}
{{- define "trolleybus.componentName" -}}
{{- printf "%s-%s" (include "trolleybus.fullname" .root) .name -}}
{{- end -}}

{{/* What a component's pods are found by; immutable in a Deployment. */}}
{{- define "trolleybus.selector" -}}
app.kubernetes.io/name: {{ include "trolleybus.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end -}}

{{/* Every label of a component's objects. */}}
{{- define "trolleybus.labels" -}}
{{ include "trolleybus.selector" . }}
app.kubernetes.io/part-of: trolleybus
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The account that the services run as. */}}
{{- define "trolleybus.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "trolleybus.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/*
The account that the hook jobs run as. They run before the release's own objects exist, so theirs
is a hook too.
*/}}
{{- define "trolleybus.jobServiceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- printf "%s-jobs" (include "trolleybus.fullname" .) -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/*
The labels of a component's pods: without the versions, so that an upgrade of the chart alone
restarts nothing.
*/}}
{{- define "trolleybus.podLabels" -}}
{{ include "trolleybus.selector" . }}
app.kubernetes.io/part-of: trolleybus
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with .spec.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The image reference of a component: its own parts before the platform's. */}}
{{- define "trolleybus.image" -}}
{{- $all := .root.Values.image -}}
{{- $own := .spec.image -}}
{{- $repository := default $all.repository $own.repository -}}
{{- with default $all.registry $own.registry -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) $repository -}}
{{- end -}}
{{- /* Another image's tag or digest never means this one. */ -}}
{{- $digest := $own.digest -}}
{{- $tag := $own.tag -}}
{{- if and (not $digest) (not $tag) (not $own.repository) -}}
{{- $digest = $all.digest -}}
{{- $tag = $all.tag -}}
{{- end -}}
{{- if $digest -}}
{{- printf "%s@%s" $repository $digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion $tag) -}}
{{- end -}}
{{- end -}}
