package dev.switchboard.gateway;

import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import dev.switchboard.timers.Timers;
import io.vertx.core.Vertx;
import java.util.concurrent.ScheduledExecutorService;

@AnalyzeClasses(
    packages = "dev.switchboard.gateway",
    importOptions = ImportOption.DoNotIncludeTests.class)
class PackageRulesTest {

  @ArchTest
  static final ArchRule theGatewayKnowsOfTheEngineOnlyTheApiAndTheTimeline =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.switchboard.executor..",
              "dev.switchboard.worker..",
              "dev.switchboard.scheduler..",
              "dev.switchboard.kv..",
              "dev.switchboard.gguf..",
              "dev.switchboard.tokenizer..",
              "dev.switchboard.chat..",
              "dev.switchboard.abi..");

  @ArchTest
  static final ArchRule routingIsPure =
      classes()
          .that()
          .resideInAPackage("dev.switchboard.gateway.routing..")
          .should()
          .onlyDependOnClassesThat()
          .resideInAnyPackage(
              "dev.switchboard.gateway.routing..",
              "dev.switchboard.gateway.slo..",
              "java.lang..",
              "java.util..",
              "org.jspecify..");

  @ArchTest
  static final ArchRule onlyBootReadsTheClock =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.switchboard.gateway.boot..")
          .should()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .callMethod(java.time.Instant.class, "now")
          .orShould()
          .callMethod(Thread.class, "sleep", long.class);

  /** Tests let time pass by hand, which they can only where it is waited for by {@link Timers}. */
  @ArchTest
  static final ArchRule onlyTimersWait =
      noClasses()
          .should()
          .accessTargetWhere(
              target(owner(assignableTo(Vertx.class)))
                  .and(target(nameMatching("setTimer|setPeriodic|cancelTimer|timer"))));

  /** Those that have a thread of their own, and handlers of a connection of Netty. */
  @ArchTest
  static final ArchRule onlyThreadsOfTheirOwnWaitOtherwise =
      noClasses()
          .that()
          .haveNameNotMatching(
              "dev.switchboard.gateway.(fleet.(Fleet|LocalWorker)|http.HalfClose|store.Store)")
          .should()
          .accessTargetWhere(
              target(owner(assignableTo(ScheduledExecutorService.class)))
                  .and(target(nameMatching("schedule.*"))));

  /** How long a comparison takes must not tell how much of a key was right. */
  @ArchTest
  static final ArchRule keysAreNotComparedAsStrings =
      noClasses()
          .that()
          .haveSimpleName("ApiKeys")
          .or()
          .haveSimpleName("KeySecret")
          .or()
          .haveSimpleName("AdminGuard")
          .should()
          .callMethod(String.class, "equals", Object.class)
          .orShould()
          .callMethod(String.class, "compareTo", String.class)
          .orShould()
          .callMethod(java.util.Arrays.class, "equals", byte[].class, byte[].class);

  @ArchTest
  static final ArchRule onlyTheStoreSpeaksSql =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.switchboard.gateway.store..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("java.sql..", "org.flywaydb..", "org.h2..");

  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices().matching("dev.switchboard.gateway.(*)..").should().beFreeOfCycles();
}
