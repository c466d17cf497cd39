package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.http.Gatehouse;
import dev.switchboard.gateway.store.Snapshot;
import dev.switchboard.gateway.store.Store;

/** Carries what the store says to those whom it concerns. */
final class StoreWatch implements Store.Listener {
  private final Gatehouse house;

  StoreWatch(Gatehouse house) {
    this.house = house;
  }

  @Override
  public void changed(Snapshot snapshot) {
    house.keys().stored(snapshot.keys());
  }

  @Override
  public void available(boolean up) {
    house.metrics().storeUp(up);
  }

  @Override
  public void auditLost(int entries) {
    house.metrics().auditLost(entries);
  }
}
