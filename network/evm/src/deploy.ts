/** Puts a contract on a chain. Any JSON-RPC endpoint, with a key that pays. */
import { Contract, type ContractRunner, ContractFactory, type ContractTransactionReceipt, type Wallet } from "ethers";
import { readArtifact } from "./compile.js";

/** Where a contract stands. */
export interface Place {
  readonly chain: number;
  /** Lower case, as trust files have it. */
  readonly address: string;
  /** Block that it was deployed in: no event of it is older. */
  readonly block: number;
  readonly transaction: string;
}

/** Deploys one and waits for `confirmations` blocks, its own counted. Errors: the endpoint's, and the chain's. */
export async function deploy(
  name: string,
  payer: Wallet,
  args: readonly unknown[] = [],
  confirmations = 1,
): Promise<Place> {
  const { abi, bytecode } = await readArtifact(name);
  const contract = await new ContractFactory(abi, bytecode, payer).deploy(...args);
  const transaction = contract.deploymentTransaction();
  const receipt = await transaction?.wait(confirmations);
  if (transaction === null || receipt?.status !== 1) throw new Error("the contract was not deployed");
  const address = (await contract.getAddress()).toLowerCase();
  return { chain: Number(transaction.chainId), address, block: receipt.blockNumber, transaction: receipt.hash };
}

export async function contractAt(name: string, address: string, runner: ContractRunner): Promise<Contract> {
  return new Contract(address, (await readArtifact(name)).abi, runner);
}

/** Sends a transaction to the contract and waits for its block. Errors: the endpoint's, and as the contract reverts. */
export async function sent(
  contract: Contract,
  method: string,
  ...args: readonly unknown[]
): Promise<ContractTransactionReceipt> {
  const transaction = await contract.getFunction(method).send(...args);
  const receipt = await transaction.wait();
  if (receipt === null) throw new Error("the transaction has no receipt");
  return receipt;
}
