# The node's dealings with Abacos. Error texts and their wrapping are those of the real one.

require "cgi"
require "net/http"
require_relative "settings"

# The errors of the SOAP library that real nodes use.
module Savon
  Error = Class.new(RuntimeError)
  HTTPError = Class.new(Error)
  SOAPFault = Class.new(Error)
  InvalidResponseError = Class.new(Error)
end

module Abacos
  NAMESPACE = "http://www.kplsolucoes.com.br/ABACOSWebService"
  AUTHORIZED = %w[authorized picking delivering delivered].freeze

  module Service
    module_function

    def exists?(number)
      call("PedidoExiste", number_list(number))[%r{<Existente>(.*?)</Existente>}, 1] == "true"
    end

    def confirmed?(number)
      answer = call("PagamentoConfirmado", number_list(number))
      answer[%r{<Confirmado>(.*?)</Confirmado>}, 1] == "true"
    end

    def insert(number)
      order = "<DadosPedidos><NumeroDoPedido>#{number}</NumeroDoPedido>" \
              "<ValorPedido>10.0</ValorPedido></DadosPedidos>"
      rejection(call("InserirPedido", "<ListaDePedidos>#{order}</ListaDePedidos>"))
    end

    def confirm(number)
      payment = "<DadosPgtoPedido><NumeroPedido>#{number}</NumeroPedido>" \
                "<StatusPagamento>speConfirmado</StatusPagamento></DadosPgtoPedido>"
      payments = "<ListaDePagamentos>#{payment}</ListaDePagamentos>"
      rejection(call("ConfirmarPagamentosPedidos", payments))
    end

    def number_list(number)
      "<ListaDeNumerosDePedidos><string>#{number}</string></ListaDeNumerosDePedidos>"
    end

    # What Abacos says against the order; nil when it took it.
    def rejection(answer)
      result = answer[%r{<Resultado>(.*?)</Resultado>}m, 1].to_s
      return if result[%r{<Tipo>(.*?)</Tipo>}, 1] == "tdreSucesso"

      CGI.unescapeHTML(result[%r{<Descricao>(.*?)</Descricao>}m, 1].to_s)
    end

    def call(operation, content)
      url = URI(Settings.read["abacos_url"])
      http = Net::HTTP.new(url.host, url.port, nil)
      http.open_timeout = 60
      http.read_timeout = Settings.read["read_timeout"]
      headers = {
        "Content-Type" => "text/xml; charset=utf-8",
        "SOAPAction" => %("#{NAMESPACE}/#{operation}"),
      }
      checked(http.post(url.path, envelope(operation, content), headers), operation)
    end

    def envelope(operation, content)
      <<~XML
        <?xml version="1.0" encoding="utf-8"?>
        <soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>
        <#{operation} xmlns="#{NAMESPACE}">
        <ChaveIdentificacao>key</ChaveIdentificacao>#{content}
        </#{operation}>
        </soap:Body></soap:Envelope>
      XML
    end

    def checked(response, operation)
      body = response.body.to_s.dup.force_encoding("UTF-8").scrub
      if (fault = body[%r{<faultstring>(.*?)</faultstring>}m, 1])
        code = body[%r{<faultcode>(.*?)</faultcode>}m, 1]
        raise Savon::SOAPFault, "(#{code}) #{CGI.unescapeHTML(fault)}"
      end
      raise Savon::HTTPError, "HTTP error (#{response.code}): #{body}" if response.code.to_i >= 300
      unless body.include?("<#{operation}Response")
        raise Savon::InvalidResponseError, "Unable to parse response body:\n#{body}"
      end

      body
    end
  end

  module InsertOrder
    # An order of the shop; `erp_integrate_error` is where the real one keeps what went wrong.
    Order = Struct.new(:number, :erp_integrate_error)

    def self.perform(number)
      order = nil
      raise "Order number #{number} already exist on Abacos" if Service.exists?(number)
      if Settings.read["without_payment"].include?(number)
        raise "Order number #{number} doesn't have an associated payment"
      end

      order = Order.new(number)
      error = Service.insert(number)
      raise "Erro ao inserir o pedido:#{number},erro:#{error}" if error
    rescue StandardError => e
      # The real node's mistake: with `order` still nil, this raises a NoMethodError of its own,
      # and the message above is only its cause.
      order.erp_integrate_error = e.message
      raise e
    end
  end

  module ConfirmPayment
    def self.perform(number)
      if Settings.read["confirm_inserts"] && !Service.exists?(number)
        InsertOrder.perform(number)
        raise "Order number #{number} was not on Abacos"
      end
      unless AUTHORIZED.include?(Settings.states[number])
        raise "Order number #{number} isn't authorized"
      end

      error = Service.confirm(number)
      raise "Erro ao confirmar o pagamento do pedido:#{number},erro:#{error}" if error
    end
  end

  unless Settings.read["order_exists"] == "no_module"
    module OrderAPI
      unless Settings.read["order_exists"] == "no_method"
        def self.order_exists?(number)
          Service.exists?(number)
        end
      end
    end
  end

  module PaymentAPI
    def self.confirmed?(number)
      Service.confirmed?(number)
    end
  end
end
