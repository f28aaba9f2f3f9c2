import { Injectable } from '@nestjs/common';
import { type Decision, type DecisionKey, DecisionStore, isSame } from './decisions.js';

@Injectable()
export class KeptDecisions extends DecisionStore {
  private kept: Decision[] = [];

  read(): Promise<readonly Decision[]> {
    return Promise.resolve(this.kept);
  }

  put(decision: Decision): Promise<void> {
    this.kept = [...this.kept.filter((other) => !isSame(other, decision)), decision];
    return Promise.resolve();
  }

  remove(key: DecisionKey): Promise<void> {
    this.kept = this.kept.filter((other) => !isSame(other, key));
    return Promise.resolve();
  }
}
