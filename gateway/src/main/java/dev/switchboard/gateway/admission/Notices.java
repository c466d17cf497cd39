package dev.switchboard.gateway.admission;

import java.util.ArrayList;
import java.util.List;

/** What the listeners hear after the lock is released. */
final class Notices {
  private final List<Runnable> calls = new ArrayList<>(0);

  void dispatched(AdmissionQueue.Entry entry, long now) {
    calls.add(() -> entry.listener.dispatched(entry, now));
  }

  void refused(AdmissionQueue.Entry entry, Refusal refusal) {
    calls.add(() -> entry.listener.refused(entry, refusal));
  }

  void send() {
    calls.forEach(Runnable::run);
  }
}
