package dev.switchboard.gateway.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.PrintStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The replicas in one frame, or in one a second until the process is interrupted. */
final class LiveTable {
  private static final String TOP_OF_THE_SCREEN = "\u001b[H\u001b[2J";

  private final GatewayClient client;
  private final PrintStream out;
  private final boolean live;
  private final boolean json;

  LiveTable(GatewayClient client, PrintStream out, boolean live, boolean json) {
    this.client = client;
    this.out = out;
    this.live = live;
    this.json = json;
  }

  void run() {
    CountDownLatch never = new CountDownLatch(1);
    try {
      do {
        frame();
      } while (live && !never.await(1, TimeUnit.SECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void frame() {
    JsonNode replicas = client.all("replicas?form=summary&limit=1000", "replicas");
    if (json) {
      out.println(GatewayClient.JSON.createObjectNode().set("replicas", replicas));
      return;
    }
    int inFlight = 0;
    int ready = 0;
    for (JsonNode each : replicas) {
      inFlight += each.path("in_flight").asInt();
      ready += each.path("state").asText().equals("READY") ? 1 : 0;
    }
    String frame =
        ready + " of " + replicas.size() + " replicas ready, " + inFlight + " requests in flight\n";
    out.print((live ? TOP_OF_THE_SCREEN : "") + frame + FleetTables.summaries(replicas));
    out.flush();
  }
}
