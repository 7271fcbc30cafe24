{{/* The ports of kafka.brokers, each once, as NetworkPolicy ports. */}}
{{- define "trolleybus.kafkaPorts" -}}
{{- $ports := list -}}
{{- range splitList "," .Values.kafka.brokers -}}
{{- $ports = append $ports (trim . | splitList ":" | last) -}}
{{- end -}}
{{- range uniq $ports }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end -}}

{{/* The egress rules of a component: names, and what it depends on. */}}
{{- define "trolleybus.egress" -}}
{{- $values := .root.Values -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
  {{- with $values.networkPolicy.dnsPeers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- range $dependency := .spec.dependencies }}
{{- $settings := get $values $dependency }}
{{- if or (eq $dependency "kafka") $settings.existingSecret }}
- ports:
    {{- if eq $dependency "kafka" }}
    {{- include "trolleybus.kafkaPorts" $.root | trim | nindent 4 }}
    {{- else }}
    - {port: {{ $settings.port | int }}, protocol: TCP}
    {{- end }}
  {{- with $settings.peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- with .spec.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}
