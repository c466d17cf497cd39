package dev.switchboard.gateway.autoscaling;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the other gateways that share a store or a Valkey have to do. Each says so every few
 * seconds, and takes its word back when it ends. One whose word has not changed for a while counts
 * no longer. Clocks are not compared: a word is new when its time is another one than before. Safe
 * on any thread.
 */
public final class GatewayLoads {
  /** Between two times that a gateway says what it has. */
  public static final int TELL_MS = 2000;

  /** Who missed four counts no longer. */
  private static final int BELIEVED_MS = 5 * TELL_MS;

  private static final int MOST_GATEWAYS = 1000;
  private static final int MOST_MODELS = 64;

  /** Beside what else a gateway says of itself, of which 4096 characters are kept. */
  private static final int MOST_CHARACTERS = 3000;

  private static final Logger LOG = LoggerFactory.getLogger(GatewayLoads.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  private record Word(long saidMs, long seenMs, Map<String, ModelLoad> models) {}

  private final String self;
  private final LongSupplier clockMs;
  private final Map<String, Word> words = new ConcurrentHashMap<>();
  private volatile Map<String, ModelLoad> own = Map.of();

  /**
   * @param self the name of this gateway
   */
  public GatewayLoads(String self, LongSupplier clockMs) {
    this.self = self;
    this.clockMs = clockMs;
  }

  /** Of this gateway, as it is to be told. */
  void own(Map<String, ModelLoad> models) {
    own = Map.copyOf(models);
  }

  /** What this gateway tells the others: by model, those first that have the most to do. */
  public ObjectNode told() {
    ObjectNode told = JsonNodeFactory.instance.objectNode();
    List<Map.Entry<String, ModelLoad>> busiest =
        own.entrySet().stream()
            .sorted(Comparator.comparingInt(each -> -each.getValue().work()))
            .limit(MOST_MODELS)
            .toList();
    int characters = 0;
    for (Map.Entry<String, ModelLoad> each : busiest) {
      ObjectNode load = JsonNodeFactory.instance.objectNode();
      each.getValue().write(load);
      characters += load.toString().length() + each.getKey().length() + 4;
      if (characters > MOST_CHARACTERS) {
        break;
      }
      told.set(each.getKey(), load);
    }
    return told;
  }

  /**
   * Takes what another gateway told.
   *
   * @param saidMs by its own clock
   * @param loads as {@link #told} made it; whoever can write where it stood could write anything
   */
  public void heard(String gateway, long saidMs, String loads) {
    if (gateway.equals(self)) {
      return;
    }
    long now = clockMs.getAsLong();
    // One that is believed no longer stays here: forgotten, it would be new when it is read again.
    Word before = words.get(gateway);
    boolean known = before != null && before.saidMs() == saidMs;
    if (known || (before == null && words.size() >= MOST_GATEWAYS)) {
      return;
    }
    words.put(gateway, new Word(saidMs, now, read(gateway, loads)));
  }

  /**
   * Takes who is there by what was read: another gateway that is not has ended. Where not even this
   * one is, what was said is lost, and its gateways say it again.
   */
  public void present(Set<String> gateways) {
    if (gateways.contains(self)) {
      words.keySet().retainAll(gateways);
    }
  }

  private static Map<String, ModelLoad> read(String gateway, String loads) {
    Map<String, ModelLoad> models = new HashMap<>();
    try {
      for (Map.Entry<String, JsonNode> each : JSON.readTree(loads).properties()) {
        if (models.size() < MOST_MODELS) {
          models.put(each.getKey(), ModelLoad.read(each.getValue()));
        }
      }
    } catch (JsonProcessingException e) {
      LOG.debug("gateway_loads_unreadable gateway={}", gateway, e);
    }
    return models;
  }

  /** What each other gateway that is heard has of a model. */
  Map<String, ModelLoad> others(String model) {
    long now = clockMs.getAsLong();
    Map<String, ModelLoad> others = new HashMap<>();
    words.forEach(
        (gateway, word) -> {
          ModelLoad load = word.models().get(model);
          if (load != null && now - word.seenMs() <= BELIEVED_MS) {
            others.put(gateway, load);
          }
        });
    return others;
  }
}
