# Stage 1: npm brings the compiler and the runtime; the result is one file.
FROM node:22-bookworm-slim AS build
WORKDIR /atoll
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY build ./build
COPY assembly ./assembly
COPY src ./src
RUN npm run build && mkdir /data

# Stage 2: the C library and that file. No shell, no package manager, no root.
FROM gcr.io/distroless/base-debian12:nonroot
COPY --from=build /atoll/build/out/atoll /usr/local/bin/atoll
COPY --from=build --chown=nonroot:nonroot /data /data
WORKDIR /data
VOLUME /data
USER nonroot
# Client port and cluster bus.
EXPOSE 6379 16379
STOPSIGNAL SIGTERM
# Asks the port in ATOLL_PORT, or 6379; a password is taken from REDISCLI_AUTH.
HEALTHCHECK --interval=10s --timeout=4s --start-period=10s --retries=3 \
  CMD ["/usr/local/bin/atoll", "ping"]
ENTRYPOINT ["/usr/local/bin/atoll", "server"]
