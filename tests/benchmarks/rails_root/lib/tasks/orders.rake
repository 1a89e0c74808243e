require_relative "../abacos"

module Settings
  # Every order's state in the shop, by number: here from the shop's own table.
  def self.states
    Hash.new { |_, number| Order.find_by(number: number)&.state }
  end
end

def insert_order(number)
  Settings.misbehave("insert_order", number, "before")
  Order.find_by!(number: number)
  Abacos::InsertOrder.perform(number)
end

task :insert_order, [:number] => :environment do |_, arguments|
  insert_order(arguments[:number])
end

task :confirm_payment, [:number] => :environment do |_, arguments|
  Abacos::ConfirmPayment.perform(arguments[:number])
end

# The limit: all that a cycle does for the orders of a file, in one process, with nobody to ask.
task :everything, [:file] => :environment do |_, arguments|
  File.foreach(arguments[:file], chomp: true) do |number|
    next if Abacos::OrderAPI.order_exists?(number)

    insert_order(number)
    state = Order.find_by(number: number).state
    Abacos::ConfirmPayment.perform(number) if Abacos::AUTHORIZED.include?(state)
  end
end
