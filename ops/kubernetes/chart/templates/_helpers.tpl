{{- define "tributary.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "tributary.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "tributary.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tributary.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tributary.selector" -}}
app.kubernetes.io/name: {{ include "tributary.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* The gateways, of which there are other pods beside. */ -}}
{{- define "tributary.gateways" -}}
{{ include "tributary.selector" . }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "tributary.labels" -}}
{{ include "tributary.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "tributary.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tributary.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tributary.secret" -}}
{{- if .Values.secrets.externalSecret.enabled -}}
{{- printf "%s-secrets" (include "tributary.fullname" .) -}}
{{- else -}}
{{- .Values.secrets.existingSecret -}}
{{- end -}}
{{- end -}}

{{- /* The keys that are read of the Secret: CloudNativePG says DATABASE_URL itself. */ -}}
{{- define "tributary.secretKeys" -}}
{{- $keys := .Values.secrets.keys -}}
{{- if .Values.postgres.enabled -}}
{{- $keys = without $keys "DATABASE_URL" -}}
{{- end -}}
{{- $keys | sortAlpha | toJson -}}
{{- end -}}

{{- /* What would be found out too late. */ -}}
{{- define "tributary.check" -}}
{{- if and (not .Values.secrets.existingSecret) (not .Values.secrets.externalSecret.enabled) -}}
{{- fail "Set secrets.existingSecret to a Secret with the keys of secrets.keys, or secrets.externalSecret.enabled." -}}
{{- end -}}
{{- if and (not .Values.postgres.enabled) (not (has "DATABASE_URL" .Values.secrets.keys)) (not .Values.config.PGHOST) -}}
{{- fail "Set DATABASE_URL in secrets.keys (and in the Secret), config.PGHOST, or postgres.enabled." -}}
{{- end -}}
{{- if and (not .Values.config.S3_ENDPOINT) (not .Values.data.persistence.enabled) -}}
{{- fail "Files of objects would be gone with the gateway: set config.S3_ENDPOINT (off for no objects), or data.persistence.enabled." -}}
{{- end -}}
{{- $several := or .Values.autoscaling.enabled (gt (int .Values.replicas) 1) -}}
{{- if and $several (not .Values.config.S3_ENDPOINT) (not (and .Values.data.persistence.enabled (eq .Values.data.persistence.accessMode "ReadWriteMany"))) -}}
{{- fail "Several gateways need the same files: set config.S3_ENDPOINT (off for no objects), or data.persistence.enabled with accessMode ReadWriteMany." -}}
{{- end -}}
{{- if (not (and (has "INTERNAL_TOKEN_SECRET" .Values.secrets.keys) (has "OBJECT_SIGNING_KEY" .Values.secrets.keys) (has "API_KEY_PEPPER" .Values.secrets.keys))) -}}
{{- fail "INTERNAL_TOKEN_SECRET, OBJECT_SIGNING_KEY and API_KEY_PEPPER must be among secrets.keys: what a gateway makes itself is gone with it, and others have not the same." -}}
{{- end -}}
{{- if and .Values.qdrant.enabled (not (has "QDRANT_API_KEY" .Values.secrets.keys)) -}}
{{- fail "qdrant.enabled: QDRANT_API_KEY must be among secrets.keys." -}}
{{- end -}}
{{- if and (or .Values.metrics.serviceMonitor.enabled .Values.metrics.rules.enabled) (not .Values.metrics.enabled) -}}
{{- fail "metrics.serviceMonitor and metrics.rules need metrics.enabled." -}}
{{- end -}}
{{- if and .Values.ingress.enabled .Values.httpRoute.enabled -}}
{{- fail "Either ingress or httpRoute." -}}
{{- end -}}
{{- end -}}

{{- /* What holds of every pod here: it is nobody in particular, may nothing, and writes to its volumes alone. */ -}}
{{- define "tributary.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* A number as it was written: Helm itself makes 5e+06 of five millions. */ -}}
{{- define "tributary.value" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{- int64 . -}}
{{- else -}}
{{- . | toString -}}
{{- end -}}
{{- end -}}
