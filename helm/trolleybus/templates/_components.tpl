{{/*
Lays one map over another, in place: maps are merged, everything else is replaced. Sprig's merges
take false, 0 and [] for "not set", so that nothing could ever be switched off with them.
Takes (dict "onto" MAP "from" MAP).
*/}}
{{- define "trolleybus.overlay" -}}
{{- $onto := .onto -}}
{{- range $key, $value := .from -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $onto $key)) -}}
{{- include "trolleybus.overlay" (dict "onto" (get $onto $key) "from" $value) -}}
{{- else -}}
{{- $_ := set $onto $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Fills `into` (a map) with the enabled services: name to the whole settings of each. Templates hand
over an empty map and range over it. Takes (dict "root" $ "into" MAP).
*/}}
{{- define "trolleybus.services" -}}
{{- $root := .root -}}
{{- $into := .into -}}
{{- range $name, $own := $root.Values.services -}}
{{- $spec := deepCopy $root.Values.defaults -}}
{{- include "trolleybus.overlay" (dict "onto" $spec "from" (deepCopy (default dict $own))) -}}
{{- if $spec.enabled -}}
{{- $_ := set $into $name $spec -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The same for the jobs. */}}
{{- define "trolleybus.jobs" -}}
{{- $root := .root -}}
{{- $into := .into -}}
{{- range $name, $own := $root.Values.jobs -}}
{{- $spec := deepCopy $root.Values.jobDefaults -}}
{{- include "trolleybus.overlay" (dict "onto" $spec "from" (deepCopy (default dict $own))) -}}
{{- if $spec.enabled -}}
{{- $_ := set $into $name $spec -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A component's plain settings, as the data of a ConfigMap. */}}
{{- define "trolleybus.config" -}}
{{- $values := .root.Values -}}
{{- $config := dict "HOST" "0.0.0.0" "LOG_FORMAT" $values.log.format "LOG_LEVEL" $values.log.level -}}
{{- range $port := .spec.ports -}}
{{- with $port.env -}}
{{- $_ := set $config . ($port.port | int | toString) -}}
{{- end -}}
{{- end -}}
{{- if hasKey .spec "ports" -}}
{{- $_ := set $config "ADMIN_PORT" ($values.metrics.port | int | toString) -}}
{{- end -}}
{{- if has "kafka" .spec.dependencies -}}
{{- $_ := set $config "KAFKA_BROKERS" $values.kafka.brokers -}}
{{- include "trolleybus.kafkaConfig" (dict "root" .root "into" $config) -}}
{{- end -}}
{{- if and (has "smtp" .spec.dependencies) $values.smtp.from -}}
{{- $_ := set $config "MAIL_FROM" $values.smtp.from -}}
{{- end -}}
{{- include "trolleybus.overlay" (dict "onto" $config "from" .spec.env) -}}
{{- range $name, $value := $config }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/*
Puts how Kafka is reached `into` a map of settings; nothing for what needs no saying. Takes
(dict "root" $ "into" MAP).
*/}}
{{- define "trolleybus.kafkaConfig" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $into := .into -}}
{{- if ne $kafka.securityProtocol "plaintext" -}}
{{- $_ := set $into "KAFKA_SECURITY_PROTOCOL" $kafka.securityProtocol -}}
{{- end -}}
{{- range $name, $value := dict "KAFKA_SASL_MECHANISM" $kafka.sasl.mechanism "KAFKA_SASL_USERNAME" $kafka.sasl.username -}}
{{- if $value -}}
{{- $_ := set $into $name $value -}}
{{- end -}}
{{- end -}}
{{- if $kafka.tls.existingSecret -}}
{{- range $name, $key := dict "KAFKA_TLS_CA" $kafka.tls.ca "KAFKA_TLS_CERT" $kafka.tls.cert "KAFKA_TLS_KEY" $kafka.tls.key -}}
{{- if $key -}}
{{- $_ := set $into $name (printf "/etc/trolleybus/kafka/%s" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" if the component has Kafka's PEM files. */}}
{{- define "trolleybus.hasKafkaTls" -}}
{{- if and (has "kafka" .spec.dependencies) .root.Values.kafka.tls.existingSecret -}}
true
{{- end -}}
{{- end -}}

{{/* A component's secret settings, as entries of a container's `env`. No secret is in the chart. */}}
{{- define "trolleybus.secretEnv" -}}
{{- $values := .root.Values -}}
{{- $refs := dict -}}
{{- range $name, $key := .spec.keys -}}
{{- $_ := set $refs $name (dict "secret" $values.keys.existingSecret "key" $key) -}}
{{- end -}}
{{- range $dependency, $name := dict "database" "DATABASE_URL" "redis" "REDIS_URL" "smtp" "SMTP_URL" -}}
{{- $settings := get $values $dependency -}}
{{- if and (has $dependency $.spec.dependencies) $settings.existingSecret -}}
{{- $_ := set $refs $name (dict "secret" $settings.existingSecret "key" $settings.key) -}}
{{- end -}}
{{- end -}}
{{- if and (has "kafka" .spec.dependencies) $values.kafka.sasl.existingSecret -}}
{{- $_ := set $refs "KAFKA_SASL_PASSWORD" (dict "secret" $values.kafka.sasl.existingSecret "key" $values.kafka.sasl.key) -}}
{{- end -}}
{{- include "trolleybus.overlay" (dict "onto" $refs "from" .spec.secretEnv) -}}
{{- range $name, $ref := $refs }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $ref.secret | quote }}
      key: {{ $ref.key | quote }}
{{- end }}
{{- end -}}

{{/* The parts of a pod that do not depend on what runs in it. */}}
{{- define "trolleybus.podBasics" -}}
automountServiceAccountToken: false
# The variables that Kubernetes makes of each Service are not settings of a process.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .spec.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .spec.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .spec.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .spec.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $kafkaTls := include "trolleybus.hasKafkaTls" . }}
{{- if or $kafkaTls .spec.extraVolumes }}
volumes:
  {{- if $kafkaTls }}
  - name: kafka-tls
    secret:
      secretName: {{ .root.Values.kafka.tls.existingSecret | quote }}
      # 0440: the pod's group reads it.
      defaultMode: 288
  {{- end }}
  {{- with .spec.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The parts of a container that services and jobs share. */}}
{{- define "trolleybus.containerBasics" -}}
image: {{ include "trolleybus.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command:
  {{- toYaml .spec.command | nindent 2 }}
{{- with .spec.args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
resources:
  {{- toYaml .spec.resources | nindent 2 }}
{{- $kafkaTls := include "trolleybus.hasKafkaTls" . }}
{{- if or $kafkaTls .spec.extraVolumeMounts }}
volumeMounts:
  {{- if $kafkaTls }}
  - name: kafka-tls
    mountPath: /etc/trolleybus/kafka
    readOnly: true
  {{- end }}
  {{- with .spec.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* One probe. Takes the component's dict with "kind" of startup, liveness or readiness. */}}
{{- define "trolleybus.probe" -}}
{{- $probes := .spec.probes -}}
{{- $port := get .spec.ports $probes.port -}}
{{- if eq $probes.type "http" -}}
httpGet:
  path: {{ ternary "/readyz" "/livez" (eq .kind "readiness") }}
  port: {{ $probes.port }}
{{- else -}}
grpc:
  port: {{ $port.port | int }}
  service: {{ ternary "" "liveness" (eq .kind "readiness") | quote }}
{{- end }}
{{ toYaml (get $probes .kind) }}
{{- end -}}
