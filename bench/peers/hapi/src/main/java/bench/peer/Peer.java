package bench.peer;

import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.jpa.subscription.match.config.SubscriptionProcessorConfig;
import ca.uhn.fhir.jpa.subscription.submit.config.SubscriptionSubmitterConfig;
import ca.uhn.fhir.rest.server.RestfulServer;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.autoconfigure.elasticsearch.ElasticsearchRestClientAutoConfiguration;
import org.springframework.boot.autoconfigure.quartz.QuartzAutoConfiguration;
import org.springframework.boot.autoconfigure.thymeleaf.ThymeleafAutoConfiguration;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.transaction.annotation.EnableTransactionManagement;

/** HAPI FHIR JPA, release 4 of FHIR, on the PostgreSQL that the environment names, at /fhir. */
@SpringBootApplication(
        exclude = {
            QuartzAutoConfiguration.class,
            ThymeleafAutoConfiguration.class,
            ElasticsearchRestClientAutoConfiguration.class
        })
@EnableTransactionManagement
@Import({
    JpaR4Config.class,
    JpaBatch2Config.class,
    Batch2JobsConfig.class,
    SubscriptionSubmitterConfig.class,
    SubscriptionProcessorConfig.class,
    SubscriptionChannelConfig.class
})
public class Peer {

    public static void main(String[] arguments) {
        SpringApplication.run(Peer.class, arguments);
    }

    @Bean
    ServletRegistrationBean<RestfulServer> servlet(RestfulServer server) {
        var found = new ServletRegistrationBean<>(server, "/fhir/*");
        found.setLoadOnStartup(1);
        return found;
    }
}
