package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A machine that pods run on, through podman: each has a network namespace on one bridge, with an
 * address of its own, and its volumes as folders with the owners and modes that a kubelet gives
 * them. Whoever runs this is alone in a network namespace and root there.
 */
final class RolloutNode {
  /** The network of pods, and the bridge's own address, where the API server listens. */
  private static final String NETWORK = "10.77.0.";

  static final String OWN_ADDRESS = NETWORK + 1;
  private static final int FIRST_POD = 10;
  private static final String BRIDGE = "pods";
  private static final String ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
  private static final int PATIENCE_SECONDS = 120;
  private static final int ANYBODYS = 02777;

  private final Path work;
  private final Map<String, JsonNode> objects;
  private final Map<String, String> account;
  private final Map<String, String> environment;
  private final AtomicInteger pods = new AtomicInteger();

  /** Of each pod the bridge's end of its link. */
  private final Map<String, String> links = new ConcurrentHashMap<>();

  /**
   * @param objects ConfigMaps and Secrets by kind and name, as {@code ConfigMap/NAME}
   * @param account files of the service account
   * @param environment of every container
   */
  RolloutNode(
      Path work,
      Map<String, JsonNode> objects,
      Map<String, String> account,
      Map<String, String> environment) {
    this.work = work;
    this.objects = objects;
    this.account = account;
    this.environment = environment;
  }

  /** Makes the bridge. */
  static void connect() throws IOException {
    run("ip link set lo up");
    run("ip link add " + BRIDGE + " type bridge");
    run("ip addr add " + OWN_ADDRESS + "/24 dev " + BRIDGE);
    run("ip link set " + BRIDGE + " up");
  }

  /** Makes a namespace with an address of its own, and returns the address. */
  String network(String pod) throws IOException {
    int number = pods.getAndIncrement();
    links.put(pod, "pod" + number);
    String address = NETWORK + (FIRST_POD + number);
    run("ip netns add " + pod);
    run("ip link add pod" + number + " type veth peer name eth0 netns " + pod);
    run("ip link set pod" + number + " master " + BRIDGE + " up");
    run("ip -n " + pod + " addr add " + address + "/24 dev eth0");
    run("ip -n " + pod + " link set lo up");
    run("ip -n " + pod + " link set eth0 up");
    return address;
  }

  /** From now on nothing comes from a pod or to it, and nobody is told. */
  void unplug(String pod) throws IOException {
    run("ip link set " + links.get(pod) + " nomaster");
  }

  void plugIn(String pod) throws IOException {
    run("ip link set " + links.get(pod) + " master " + BRIDGE);
  }

  /** Starts a pod's container. */
  void start(String pod, RolloutTemplate template) throws IOException {
    List<String> command = new ArrayList<>(List.of("podman", "run", "--detach", "--pull=never"));
    command.addAll(List.of("--name=" + pod, "--hostname=" + pod));
    command.add("--network=ns:/run/netns/" + pod);
    command.addAll(template.options());
    environment.forEach((name, value) -> command.add("--env=" + name + "=" + value));
    template
        .secrets()
        .forEach(
            (name, secret) -> {
              JsonNode data = object("Secret/" + secret.name()).path("data");
              command.add("--env=" + name + "=" + data.path(secret.key()).asText());
            });
    int number = 0;
    for (RolloutTemplate.Mount mount : template.mounts()) {
      Path folder = Files.createDirectories(work.resolve(pod).resolve("volume-" + number++));
      fill(folder, mount.volume(), template.fileGroup());
      command.add("--volume=" + folder + ":" + mount.path() + (mount.readOnly() ? ":ro" : ":rw"));
    }
    if (template.knowsApiServer()) {
      Path folder = Files.createDirectories(work.resolve(pod).resolve("account"));
      for (Map.Entry<String, String> file : account.entrySet()) {
        write(folder.resolve(file.getKey()), file.getValue(), 0440, template.fileGroup());
      }
      command.add("--volume=" + folder + ":" + ACCOUNT + ":ro");
    }
    command.add(template.image());
    command.addAll(template.arguments());
    run(command);
  }

  private void fill(Path folder, JsonNode volume, int group) throws IOException {
    if (volume.has("emptyDir") || volume.has("persistentVolumeClaim")) {
      own(folder, ANYBODYS, group);
    } else if (volume.has("configMap")) {
      JsonNode data = object("ConfigMap/" + volume.at("/configMap/name").asText()).path("data");
      for (Map.Entry<String, JsonNode> file : data.properties()) {
        write(folder.resolve(file.getKey()), file.getValue().asText(), 0644, group);
      }
    } else {
      JsonNode secret = volume.path("secret");
      JsonNode data = object("Secret/" + secret.path("secretName").asText()).path("data");
      int mode = secret.path("defaultMode").asInt(0644);
      if (secret.has("items")) {
        for (JsonNode item : secret.path("items")) {
          String value = data.path(item.path("key").asText()).asText();
          write(folder.resolve(item.path("path").asText()), value, mode, group);
        }
      } else {
        for (Map.Entry<String, JsonNode> file : data.properties()) {
          write(folder.resolve(file.getKey()), file.getValue().asText(), mode, group);
        }
      }
    }
  }

  private JsonNode object(String name) {
    JsonNode found = objects.get(name);
    if (found == null) {
      throw new IllegalArgumentException("a volume wants " + name + ", which is not rendered");
    }
    return found;
  }

  private static void write(Path file, String text, int mode, int group) throws IOException {
    Files.writeString(file, text);
    own(file, mode, group);
  }

  private static void own(Path path, int mode, int group) throws IOException {
    Files.setAttribute(path, "unix:gid", group);
    Files.setAttribute(path, "unix:mode", mode);
  }

  /** The process of a container that runs. */
  static ProcessHandle process(String pod) throws IOException {
    long pid = Long.parseLong(run("podman inspect --format {{.State.Pid}} " + pod).strip());
    return ProcessHandle.of(pid).orElseThrow(() -> new IOException(pod + " has no process"));
  }

  /** What the kernel lets a container's process do is what its security context says. */
  static List<String> rights(String pod, ProcessHandle process) throws IOException {
    List<String> found = new ArrayList<>();
    List<String> status = Files.readAllLines(Path.of("/proc/" + process.pid() + "/status"));
    for (String wanted :
        List.of("Uid:\t65532\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1")) {
      if (status.stream().noneMatch(line -> line.startsWith(wanted))) {
        found.add(pod + " has not " + wanted.replace('\t', ' '));
      }
    }
    if (Files.readAllLines(Path.of("/proc/" + process.pid() + "/mountinfo")).stream()
        .noneMatch(
            line -> line.contains(" / / ro,") || line.matches("\\S+ \\S+ \\S+ \\S+ / ro,.*"))) {
      found.add(pod + " can write to its root");
    }
    return found;
  }

  /** Starts a container that ended anew. */
  static void again(String pod) throws IOException {
    run("podman start " + pod);
  }

  static void signal(String pod, String signal) throws IOException {
    run("podman kill --signal=" + signal + " " + pod);
  }

  /** With what it ended; waits for that. */
  static int status(String pod) throws IOException {
    return Integer.parseInt(run("podman wait " + pod).strip());
  }

  /** What a container wrote to its standard output, in all its starts. */
  static String printed(String pod) throws IOException {
    return run("podman logs " + pod);
  }

  /** What a container wrote, to a file beside the volumes. */
  void keepLog(String pod) {
    Path file = work.resolve(pod + ".log");
    try {
      Process process =
          new ProcessBuilder("podman", "logs", pod)
              .redirectErrorStream(true)
              .redirectOutput(file.toFile())
              .start();
      process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static String run(String words) throws IOException {
    return run(Arrays.asList(words.split(" ", -1)));
  }

  private static String run(List<String> command) throws IOException {
    Path said = Files.createTempFile("rollout", ".err");
    try {
      Process process = new ProcessBuilder(command).redirectError(said.toFile()).start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new IOException(String.join(" ", command) + ": " + Files.readString(said));
      }
      return output;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    } finally {
      Files.delete(said);
    }
  }
}
