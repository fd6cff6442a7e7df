/** An orderer's `orderer.yaml`, with paths relative to its folder. JSON is YAML. */
import { adminPort, operationsPort } from "../topology/ports.js";
import type { Node } from "../topology/topology.js";
import { listenHost } from "./peer.js";

export function ordererConfig(orderer: Node) {
  const listen = listenHost(orderer);
  const tls = {
    Enabled: true,
    Certificate: "tls/cert.pem",
    PrivateKey: "tls/key.pem",
    RootCAs: ["tls/ca.pem"],
  };
  return {
    General: {
      ListenAddress: listen,
      ListenPort: orderer.port,
      TLS: { ...tls, ClientAuthRequired: false, ClientRootCAs: ["tls/ca.pem"] },
      Cluster: {
        ClientCertificate: "tls/cert.pem",
        ClientPrivateKey: "tls/key.pem",
        DialTimeout: "1s",
        RPCTimeout: "3s",
        ReplicationPolicy: "consensus",
      },
      Keepalive: { ServerMinInterval: "5s", ServerInterval: "10s", ServerTimeout: "3s" },
      BootstrapMethod: "none",
      LocalMSPDir: "msp",
      LocalMSPID: orderer.organisation.msp,
      BCCSP: { Default: "SW", SW: { Hash: "SHA2", Security: 256 } },
      Authentication: { TimeWindow: "15m" },
      MaxRecvMsgSize: 104_857_600,
      MaxSendMsgSize: 104_857_600,
    },
    FileLedger: { Location: "data" },
    Consensus: { WALDir: "data/etcdraft/wal", SnapDir: "data/etcdraft/snapshot" },
    // Joining channels: only for who holds a certificate of the organisation's TLS authority.
    Admin: {
      ListenAddress: `${listen}:${adminPort(orderer.port)}`,
      TLS: { ...tls, ClientAuthRequired: true, ClientRootCAs: ["tls/ca.pem"] },
    },
    ChannelParticipation: { Enabled: true, MaxRequestBodySize: 4_194_304 },
    Operations: { ListenAddress: `127.0.0.1:${operationsPort("orderer", orderer.port)}`, TLS: { Enabled: false } },
    Metrics: { Provider: "prometheus" },
  };
}
