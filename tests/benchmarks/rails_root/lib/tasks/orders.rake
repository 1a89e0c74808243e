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

# The limit: the tasks of a file, in one process that asks nobody and remembers nothing.
task :everything, [:file] => :environment do |_, arguments|
  File.foreach(arguments[:file], chomp: true) do |line|
    task, number = line.split
    task == "insert_order" ? insert_order(number) : Abacos::ConfirmPayment.perform(number)
  end
end
