package dev.switchboard.gateway.identity;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Finds out who calls from {@code Authorization: Bearer}. Keys come from the configuration and from
 * the store; both can change at any time. A key is looked up by the hash of its text, whose
 * beginning nobody can choose, and then compared as a whole in constant time. Safe on any thread.
 *
 * <p>Each listener asks for a key from the moment on that there is one that opens it: the API with
 * the first key of role {@code app}, the admin API on loopback with the first of role {@code
 * admin}. An expired key still counts for this: expiry must not open a door. An API that others
 * than this machine reach asks for a key always: while there is none, nobody gets in.
 */
public final class ApiKeys {
  private static final String SCHEME = "Bearer ";
  private static final int MAX_KEY_CHARS = 512;
  private static final long NEVER = Long.MAX_VALUE;

  /**
   * @param lastUsedMs 0 where it was not used since that was asked last
   */
  private record Known(byte[] hash, Caller caller, long expiresMs, AtomicLong lastUsedMs) {}

  private final LongSupplier epochMs;
  private final boolean network;
  private final Map<String, AtomicLong> uses = new ConcurrentHashMap<>();
  private List<Known> configured = List.of();
  private List<Known> stored = List.of();
  private volatile Map<Long, List<Known>> table = Map.of();
  private volatile boolean someOpenModels;
  private volatile boolean opensAdmin;

  /** Those of an API that is reached from this machine only. */
  public ApiKeys(AuthConfig config, LongSupplier epochMs) {
    this(config, false, epochMs);
  }

  /**
   * @param network whether the API is reached from other machines
   * @param epochMs tells the time, for keys that expire
   */
  public ApiKeys(AuthConfig config, boolean network, LongSupplier epochMs) {
    this.network = network;
    this.epochMs = epochMs;
    configured(config);
  }

  /** Takes the keys of the configuration instead of those it had. */
  public synchronized void configured(AuthConfig config) {
    configured =
        config.keys().stream()
            .map(
                key ->
                    new Known(
                        HexFormat.of().parseHex(key.sha256()),
                        new Caller(key.tenant(), key.name(), key.role(), key.delegate()),
                        NEVER,
                        new AtomicLong()))
            .toList();
    index();
  }

  /** Takes the keys of the store instead of those it had. */
  public synchronized void stored(List<ApiKey> keys) {
    uses.keySet().retainAll(keys.stream().map(ApiKey::id).toList());
    stored = keys.stream().map(this::known).toList();
    index();
  }

  private Known known(ApiKey key) {
    Long expiresMs = key.expiresMs();
    return new Known(
        HexFormat.of().parseHex(key.sha256()),
        new Caller(key.tenant(), key.name(), key.role(), key.facts().mayDelegate()),
        expiresMs == null ? NEVER : expiresMs,
        uses.computeIfAbsent(key.id(), used -> new AtomicLong()));
  }

  /** When keys of the store were used here, by their ids; those since this was asked last. */
  public Map<String, Long> takeUses() {
    Map<String, Long> taken = new HashMap<>();
    uses.forEach(
        (id, used) -> {
          long atMs = used.getAndSet(0);
          if (atMs != 0) {
            taken.put(id, atMs);
          }
        });
    return taken;
  }

  private void index() {
    List<Known> all = new ArrayList<>(configured);
    all.addAll(stored);
    Map<Long, List<Known>> byHash = new HashMap<>();
    for (Known key : all) {
      byHash.computeIfAbsent(beginning(key.hash()), none -> new ArrayList<>()).add(key);
    }
    table = byHash;
    someOpenModels = all.stream().anyMatch(key -> key.caller().role() == Caller.Role.APP);
    opensAdmin = all.stream().anyMatch(key -> key.caller().role() == Caller.Role.ADMIN);
  }

  /** Whether the API asks for a key. */
  public boolean required() {
    return network || someOpenModels;
  }

  /** Whether the API asks for a key, and there is none yet that it takes. */
  public boolean missing() {
    return network && !someOpenModels;
  }

  /** Whether the admin API asks for a key on loopback too. */
  public boolean requiredForAdmin() {
    return opensAdmin;
  }

  /**
   * Who calls models; null when that takes a key and no known one was sent. What its role may do is
   * for the caller to look at.
   *
   * @param authorization the header's value; null when it is absent
   */
  public @Nullable Caller caller(@Nullable String authorization) {
    Caller holder = holder(authorization);
    if (required()) {
      return holder;
    }
    return holder != null && holder.role() == Caller.Role.APP ? holder : Caller.ANYBODY;
  }

  /** Whose key was sent; null when none that is known and has not expired. */
  public @Nullable Caller holder(@Nullable String authorization) {
    Known key = known(authorization);
    long nowMs = key == null ? 0 : epochMs.getAsLong();
    if (key == null || nowMs >= key.expiresMs()) {
      return null;
    }
    key.lastUsedMs().lazySet(nowMs);
    return key.caller();
  }

  /** Whose key was sent, be it expired or not; null when none that is known. */
  public @Nullable Caller lastHolder(@Nullable String authorization) {
    Known key = known(authorization);
    return key == null ? null : key.caller();
  }

  private @Nullable Known known(@Nullable String authorization) {
    if (authorization == null
        || table.isEmpty()
        || authorization.length() > SCHEME.length() + MAX_KEY_CHARS
        || !authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
      return null;
    }
    byte[] hash = KeySecret.sha256(authorization.substring(SCHEME.length()).strip());
    for (Known key : table.getOrDefault(beginning(hash), List.of())) {
      if (MessageDigest.isEqual(key.hash(), hash)) {
        return key;
      }
    }
    return null;
  }

  private static long beginning(byte[] hash) {
    return ByteBuffer.wrap(hash).getLong();
  }
}
