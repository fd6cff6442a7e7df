/**
 * A peer's `core.yaml`. Paths are relative to the peer's folder, so that the folder can be moved to another host whole.
 * JSON is YAML.
 */
import { chaincodeRegistryPort, operationsPort } from "../topology/ports.js";
import { endpointOf, type FabricTopology, type Node } from "../topology/topology.js";

const ms = (value: number): string => `${value}ms`;

/** Loopback for a network on one machine, every interface otherwise. */
export const listenHost = ({ host }: Node): string => (host === "localhost" ? "127.0.0.1" : "0.0.0.0");

/** Set for the builder's `release`: the folder that says where the chaincode server of each package listens. */
export const ADDRESSES = "QUANJI_CHAINCODE_ADDRESSES";

const gossip = (topology: FabricTopology, peer: Node) => {
  const { waits } = topology.settings;
  const own = topology.peers.filter(({ organisation }) => organisation.msp === peer.organisation.msp);
  const others = own.filter(({ id }) => id !== peer.id);
  return {
    bootstrap: endpointOf(others[0] ?? peer),
    endpoint: endpointOf(peer),
    externalEndpoint: endpointOf(peer),
    // Every peer takes blocks from the orderers itself: none depends on another of its organisation.
    useLeaderElection: false,
    orgLeader: true,
    membershipTrackerInterval: "5s",
    maxBlockCountToStore: 10,
    maxPropagationBurstLatency: "10ms",
    maxPropagationBurstSize: 10,
    propagateIterations: 1,
    propagatePeerNum: 3,
    pullInterval: "4s",
    pullPeerNum: 3,
    // Short, so that organisations meet within seconds of a start and a returning peer is found again.
    requestStateInfoInterval: "1s",
    publishStateInfoInterval: "1s",
    publishCertPeriod: "10s",
    aliveTimeInterval: "1s",
    aliveExpirationTimeout: "5s",
    reconnectInterval: "2s",
    maxConnectionAttempts: 120,
    msgExpirationFactor: 20,
    dialTimeout: ms(waits.gossipDialMs),
    connTimeout: "2s",
    recvBuffSize: 20,
    sendBuffSize: 200,
    digestWaitTime: "1s",
    requestWaitTime: "1500ms",
    responseWaitTime: "2s",
    pvtData: {
      pullRetryThreshold: ms(waits.pullRetryMs),
      transientstoreMaxBlockRetention: 20_000,
      pushAckTimeout: ms(waits.pushAckMs),
      btlPullMargin: 10,
      reconciliationEnabled: true,
      reconcileBatchSize: 10,
      reconcileSleepInterval: ms(waits.reconcileMs),
      // An envelope that is handed over twice comes back as a duplicate, whose private data no peer has any more: a peer
      // that looked for it would stand still for the whole of pullRetryThreshold, and more.
      skipPullingInvalidTransactionsDuringCommit: true,
      implicitCollectionDisseminationPolicy: { requiredPeerCount: 0, maxPeerCount: 1 },
    },
    // A peer notices after 13 s only that the orderer which it takes blocks from is cut off. Until then it asks other peers for
    // what they have and it has not; it checks the orderers' signatures on those blocks like on any.
    state: {
      enabled: true,
      checkInterval: "1s",
      responseTimeout: "1s",
      batchSize: 10,
      blockBufferSize: 20,
      maxRetries: 3,
    },
  };
};

export function peerConfig(topology: FabricTopology, peer: Node) {
  const listen = listenHost(peer);
  return {
    peer: {
      id: peer.id,
      networkId: topology.channel,
      listenAddress: `${listen}:${peer.port}`,
      address: endpointOf(peer),
      chaincodeListenAddress: `127.0.0.1:${chaincodeRegistryPort(peer.port)}`,
      localMspId: peer.organisation.msp,
      localMspType: "bccsp",
      mspConfigPath: "msp",
      fileSystemPath: "data",
      BCCSP: { Default: "SW", SW: { Hash: "SHA2", Security: 256 } },
      tls: {
        enabled: true,
        clientAuthRequired: false,
        cert: { file: "tls/cert.pem" },
        key: { file: "tls/key.pem" },
        rootcert: { file: "tls/ca.pem" },
      },
      keepalive: {
        interval: "10s",
        timeout: "3s",
        minInterval: "5s",
        client: { interval: "10s", timeout: "3s" },
        deliveryClient: { interval: "10s", timeout: "3s" },
      },
      authentication: { timewindow: "15m" },
      client: { connTimeout: "3s" },
      gateway: { enabled: true, endorsementTimeout: "10s", broadcastTimeout: "10s", dialTimeout: "3s" },
      gossip: gossip(topology, peer),
      deliveryclient: {
        blockGossipEnabled: false,
        policy: "cluster",
        connTimeout: "1s",
        minimalReconnectInterval: "100ms",
        reConnectBackoffThreshold: "2s",
        reconnectTotalTimeThreshold: "8760h",
        blockCensorshipTimeoutKey: "10s",
      },
      discovery: {
        enabled: true,
        authCacheEnabled: true,
        authCacheMaxSize: 1000,
        authCachePurgeRetentionRatio: 0.75,
        orgMembersAllowedAccess: true,
      },
      handlers: {
        authFilters: [{ name: "DefaultAuth" }, { name: "ExpirationCheck" }, { name: "TimeWindowCheck" }],
        decorators: [{ name: "DefaultDecorator" }],
        endorsers: { escc: { name: "DefaultEndorsement" } },
        validators: { vscc: { name: "DefaultValidation" } },
      },
      limits: { concurrency: { endorserService: 2500, deliverService: 2500, gatewayService: 500 } },
      maxRecvMsgSize: 104_857_600,
      maxSendMsgSize: 104_857_600,
    },
    // No Docker: chaincode runs as a service beside the peer, and a peer that looks for an engine would fail.
    vm: { endpoint: "" },
    chaincode: {
      mode: "net",
      installTimeout: "60s",
      startuptimeout: "30s",
      executetimeout: "30s",
      keepalive: 0,
      system: { _lifecycle: "enable", cscc: "enable", lscc: "enable", qscc: "enable" },
      logging: { level: "info", shim: "warning" },
      externalBuilders: [{ name: "quanji", path: "builder", propagateEnvironment: [ADDRESSES] }],
      runtimeParams: {
        useWriteBatch: true,
        maxSizeWriteBatch: 1000,
        useGetMultipleKeys: true,
        maxSizeGetMultipleKeys: 1000,
      },
    },
    ledger: {
      state: { stateDatabase: "goleveldb", totalQueryLimit: 100_000 },
      history: { enableHistoryDatabase: true },
      pvtdataStore: {
        collElgProcMaxDbBatchSize: 5000,
        collElgProcDbBatchesInterval: 1000,
        deprioritizedDataReconcilerInterval: "60m",
        purgeInterval: 100,
        purgedKeyAuditLogging: true,
      },
    },
    operations: { listenAddress: `127.0.0.1:${operationsPort("peer", peer.port)}`, tls: { enabled: false } },
    metrics: { provider: "prometheus" },
  };
}
