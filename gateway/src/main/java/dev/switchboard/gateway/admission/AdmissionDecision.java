package dev.switchboard.gateway.admission;

/** What became of a request at the door of a model's queue. */
public sealed interface AdmissionDecision
    permits Refusal, AdmissionDecision.Running, AdmissionDecision.Waiting {

  /** It has a place: it may go to a replica now. */
  record Running(AdmissionQueue.Entry entry) implements AdmissionDecision {}

  /**
   * It waits; its listener hears how that ends.
   *
   * @param position from 1
   */
  record Waiting(AdmissionQueue.Entry entry, int position) implements AdmissionDecision {}
}
