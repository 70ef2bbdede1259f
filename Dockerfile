# The operator alone. Only what src/main.ts imports is compiled, so neither the sandbox nor the command line is in here.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN node_modules/.bin/tsc -p tsconfig.build.json

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && find node_modules \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -exec rm {} +

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title=peerage \
  org.opencontainers.image.description="Kubernetes operator for load-balanced peer-to-peer networks on AWS and Docker" \
  org.opencontainers.image.licenses=Apache-2.0
WORKDIR /app
# A heap that is free to grow takes twice what a thousand Nodes need; for many thousands set more room in NODE_OPTIONS.
ENV NODE_ENV=production NODE_OPTIONS="--max-semi-space-size=2 --max-old-space-size=256"
COPY --from=dependencies /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json LICENSE ./
# The user `node` of the base image, by number: Kubernetes checks `runAsNonRoot` by number alone. Nothing here is
# writable for it, and nothing needs to be.
USER 1000:1000
EXPOSE 8080 8081
# Node is the first process and gets SIGTERM itself.
ENTRYPOINT ["node", "dist/src/main.js"]
