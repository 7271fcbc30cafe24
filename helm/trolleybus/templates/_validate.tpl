{{/*
What the schema cannot see, because it takes two values to be wrong. Everything that is wrong is
said at once. Each template that renders objects calls this first, so that no other error hides it.
*/}}
{{- define "trolleybus.validate" -}}
{{- $values := .Values -}}
{{- $services := dict -}}
{{- include "trolleybus.services" (dict "root" . "into" $services) -}}
{{- $jobs := dict -}}
{{- include "trolleybus.jobs" (dict "root" . "into" $jobs) -}}
{{- $problems := list -}}

{{- $users := dict "kafka" list "database" list "redis" list "keys" list -}}
{{- range $group, $components := dict "services" $services "jobs" $jobs -}}
{{- range $name, $spec := $components -}}
{{- $path := printf "%s.%s" $group $name -}}
{{- range $spec.dependencies -}}
{{- $_ := set $users . (append (default list (get $users .)) $path) -}}
{{- end -}}
{{- if $spec.keys -}}
{{- $_ := set $users "keys" (append $users.keys $path) -}}
{{- end -}}
{{- if not $spec.command -}}
{{- $problems = append $problems (printf "%s.command is empty: name the program to run" $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if and $users.kafka (not $values.kafka.brokers) -}}
{{- $problems = append $problems (printf "kafka.brokers is required by %s: set it to host:port, comma-separated" (join ", " $users.kafka)) -}}
{{- end -}}
{{- if $values.kafka.brokers -}}
{{- range splitList "," $values.kafka.brokers -}}
{{- if not (regexMatch `^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$` (trim .)) -}}
{{- $problems = append $problems (printf "kafka.brokers has %q: write host:port" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $values.kafka -}}
{{- $isTls := has .securityProtocol (list "ssl" "sasl_ssl") -}}
{{- $isSasl := hasPrefix "sasl_" .securityProtocol -}}
{{- if and .tls.existingSecret (not $isTls) -}}
{{- $problems = append $problems (printf "kafka.tls.existingSecret is set, but kafka.securityProtocol is %s: set that to ssl or sasl_ssl" .securityProtocol) -}}
{{- end -}}
{{- if ne (empty .tls.cert) (empty .tls.key) -}}
{{- $problems = append $problems "kafka.tls.cert and kafka.tls.key belong together: set both or neither" -}}
{{- end -}}
{{- if and $isSasl (not .sasl.mechanism) -}}
{{- $problems = append $problems (printf "kafka.sasl.mechanism is required by kafka.securityProtocol %s: set it to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512" .securityProtocol) -}}
{{- end -}}
{{- if and (not $isSasl) (or .sasl.mechanism .sasl.username .sasl.existingSecret) -}}
{{- $problems = append $problems (printf "kafka.sasl is set, but kafka.securityProtocol is %s: set that to sasl_ssl" .securityProtocol) -}}
{{- end -}}
{{- end -}}
{{- if and $users.keys (not $values.keys.existingSecret) -}}
{{- $problems = append $problems (printf "keys.existingSecret is required by %s: make the Secret as the chart's README shows and set its name" (join ", " $users.keys)) -}}
{{- end -}}
{{- range $dependency := list "database" "redis" -}}
{{- $settings := get $values $dependency -}}
{{- if and (get $users $dependency) (not $settings.existingSecret) -}}
{{- $problems = append $problems (printf "%s.existingSecret is required by %s: set it to the name of a Secret whose key %s holds the connection URL" $dependency (join ", " (get $users $dependency)) $settings.key) -}}
{{- end -}}
{{- end -}}

{{- range $name, $spec := $services -}}
{{- $path := printf "services.%s" $name -}}
{{- if hasKey $jobs $name -}}
{{- $problems = append $problems (printf "%s and jobs.%s share a name: their pods could not be told apart" $path $name) -}}
{{- end -}}
{{- if eq $name "test" -}}
{{- $problems = append $problems "services.test is the name of the helm test pod: choose another" -}}
{{- end -}}
{{- if hasKey $spec.ports "admin" -}}
{{- $problems = append $problems (printf "%s.ports.admin has the name of the port of metrics: choose another" $path) -}}
{{- end -}}
{{- $admin := and (eq $spec.probes.type "http") (eq $spec.probes.port "admin") -}}
{{- if not (or $admin (hasKey $spec.ports $spec.probes.port)) -}}
{{- $problems = append $problems (printf "%s.probes.port is %q: it has to be one of %s.ports, or admin for probes over HTTP" $path $spec.probes.port $path) -}}
{{- end -}}
{{- if le (int $spec.terminationGracePeriodSeconds) (int $spec.preStopSleepSeconds) -}}
{{- $problems = append $problems (printf "%s.terminationGracePeriodSeconds has to be longer than preStopSleepSeconds: no time would be left to drain" $path) -}}
{{- end -}}
{{- range $spec.networkPolicy.fromServices -}}
{{- if not (hasKey $values.services .) -}}
{{- $problems = append $problems (printf "%s.networkPolicy.fromServices has %q: no such service" $path .) -}}
{{- end -}}
{{- end -}}
{{- with $spec.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- $problems = append $problems (printf "%s.autoscaling.minReplicas is above maxReplicas" $path) -}}
{{- end -}}
{{- if not (or .targetCPU .targetMemory .metrics) -}}
{{- $problems = append $problems (printf "%s.autoscaling has no metric: set targetCPU, targetMemory or metrics" $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if hasKey $jobs "test" -}}
{{- $problems = append $problems "jobs.test is the name of the helm test pod: choose another" -}}
{{- end -}}

{{- range $what := list "ingress" "test" -}}
{{- $target := get $values $what -}}
{{- if $target.enabled -}}
{{- $spec := get $services $target.service -}}
{{- if not $spec -}}
{{- $problems = append $problems (printf "%s.service is %q: no such service is enabled" $what $target.service) -}}
{{- else if not (hasKey $spec.ports $target.port) -}}
{{- $problems = append $problems (printf "%s.port is %q: it has to be one of services.%s.ports" $what $target.port $target.service) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $values.ingress.enabled (not $values.ingress.hosts) -}}
{{- $problems = append $problems "ingress.hosts is empty: name at least one host and path" -}}
{{- end -}}

{{- if $problems -}}
{{- printf "these values cannot be installed:\n  - %s" (join "\n  - " $problems) | fail -}}
{{- end -}}
{{- end -}}
